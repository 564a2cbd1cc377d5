"""Path templates: parsed and checked once, then one file → one relative path that every file system takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from civitai_kit.core.errors import SettingsError
from civitai_kit.core.paths.file_names import LONGEST_FILE_NAME, file_name_of
from civitai_kit.core.paths.safe_names import LONGEST_COMPONENT, LONGEST_SLUG, safe_name, slug, split_extension
from civitai_kit.core.paths.template_parser import TemplateProblem, parse_template
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion

DEFAULT_TEMPLATE = "{type}/{base_model}/{model_name}/{model_id}-{file_slug}/{version_name}/{version_id}_{file_name}"
# In UTF-16 units: Windows takes 260 with the save path unless told otherwise, macOS 1024 bytes.
LONGEST_PATH = 240
# How much of a slug and of a file name is kept, in bytes: the first pair with which the path fits.
_CUTS = (
    (LONGEST_SLUG, LONGEST_FILE_NAME),
    *((120, 200), (90, 180), (70, 150), (55, 120), (42, 100), (32, 80), (24, 72), (16, 64)),
)
SLUG_LIMITS = tuple(slug_limit for slug_limit, _ in _CUTS)


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a template speaks of; `name` is the file's final name."""

    model: Model
    version: ModelVersion
    file: ModelFile
    name: str


def _owner_of(subject: _Subject, field: str) -> str | None:
    """The model's name or type, from the version's own account of its model where the model has none."""
    return getattr(subject.model, field) or getattr(subject.version.model, field, None)


def _rating(nsfw: bool | None) -> str | None:
    return None if nsfw is None else "nsfw" if nsfw else "sfw"


PLACEHOLDERS: dict[str, Callable[[_Subject], str | int | None]] = {
    "type": lambda of: _owner_of(of, "type"),
    "base_model": lambda of: of.version.base_model,
    "model_name": lambda of: _owner_of(of, "name"),
    "model_slug": lambda of: _owner_of(of, "name"),
    "model_id": lambda of: of.model.id or of.version.model_id,
    "version_name": lambda of: of.version.name,
    "version_id": lambda of: of.version.id,
    "file_name": lambda of: of.name,
    "file_slug": lambda of: split_extension(of.file.name or "")[0],
    "file_id": lambda of: of.file.id,
    "file_stem": lambda of: split_extension(of.name)[0],
    "file_ext": lambda of: split_extension(of.name)[1],
    "creator": lambda of: of.model.creator.username if of.model.creator else None,
    "sha8": lambda of: (of.file.hashes.sha256 or "")[:8],
    "first_tag": lambda of: of.model.tags[0] if of.model.tags else None,
    "nsfw": lambda of: _rating(of.model.nsfw),
}
_NAMES_A_FILE = {"file_name", "file_stem", "file_id"}
_BRINGS_EXTENSION = {"file_name", "file_ext"}
_EMPTY = f"The default is {DEFAULT_TEMPLATE}"
_RELATIVE = "It is relative to the save path: set that with --save-path."


Spelling = Callable[[str, str, int], str]


def our_spelling(field: str, value: str, limit: int) -> str:
    """How a placeholder's value reads in a path: a slug of at most `limit` bytes."""
    return slug(value, f"unknown_{field}", limit=limit)


class Template:
    """A path template with `/` between its parts, such as DEFAULT_TEMPLATE; `spelling` writes its values.

    All placeholders but `{file_name}` are slugs; `{file_slug}` and `{file_stem}` go without the extension (the
    first of the site's name, the second of the final one). Where the last part has neither `{file_name}` nor
    `{file_ext}` the extension is added. Raises SettingsError for a template that is empty, absolute, leaves its
    root, has an unknown placeholder, or does not tell the files of a version apart.
    """

    def __init__(self, text: str, spelling: Spelling = our_spelling) -> None:
        self.text = text
        self._spelling = spelling
        try:
            self._parts = parse_template(text, PLACEHOLDERS, empty=_EMPTY, relative=_RELATIVE)
        except TemplateProblem as found:
            _refuse(text, found.problem, found.hint)
        used = {field for part in self._parts for _, field in part}
        if not used & _NAMES_A_FILE:
            _refuse(text, "names no file", "Use {file_name}, {file_stem} or {file_id} in it.")
        self._adds_extension = not {field for _, field in self._parts[-1]} & _BRINGS_EXTENSION
        if not fits("/".join(self._render(_longest(), *_CUTS[-1]))):
            _refuse(text, "makes paths that are too long", "Use fewer placeholders and shorter names.")

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def place(self, *, model: Model, version: ModelVersion, file: ModelFile) -> str:
        """The file's path relative to the save path, with `/`; missing values read `unknown_<placeholder>`."""
        path = ""
        for slug_limit, name_limit in _CUTS:
            name = file_name_of(version, file, limit=name_limit)
            path = "/".join(self._render(_Subject(model, version, file, name), slug_limit, name_limit))
            if fits(path):
                break
        return path

    def _render(self, subject: _Subject, slug_limit: int, name_limit: int) -> list[str]:
        def value(field: str) -> str:
            given = PLACEHOLDERS[field](subject)
            if field == "file_name":
                return str(given)
            return self._spelling(field, "" if given is None else str(given), slug_limit)

        def written(literal: str, field: str | None) -> str:
            return literal + (value(field) if field else "")

        texts = ["".join(written(*piece) for piece in part) for part in self._parts]
        if self._adds_extension:
            texts[-1] += split_extension(subject.name)[1]
        # A `~` at the start would be read as somebody's home by the next shell.
        texts[0] = f"_{texts[0][1:]}" if texts[0].startswith("~") else texts[0]
        return [safe_name(text, "unnamed", limit=LONGEST_PATH * 4) for text in texts]


def fits(path: str) -> bool:
    """Whether a relative path is short enough, as a whole and in each of its parts."""
    if max(len(part.encode()) for part in path.split("/")) > LONGEST_COMPONENT:
        return False
    return len(path.encode("utf-16-le")) // 2 <= LONGEST_PATH


@cache
def _longest() -> _Subject:
    return _Subject(
        Model.model_validate({"id": 2**31, "name": "m" * 400, "type": "t" * 400, "tags": ["g" * 400]}),
        ModelVersion.model_validate({"id": 2**31, "name": "v" * 400, "baseModel": "b" * 400}),
        ModelFile.model_validate({"id": 2**31, "name": f"{'f' * 400}.x"}),
        "f" * _CUTS[-1][1],
    )


def _refuse(text: str, problem: str, hint: str) -> NoReturn:
    raise SettingsError(f"path_template {text!r} {problem}.", hint=hint)
