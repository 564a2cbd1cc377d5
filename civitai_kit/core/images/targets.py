"""What images are asked for by: a creator, model, version, tag, post or single image; each once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.core.errors import UsageError
from civitai_kit.core.images.prompts import words_of
from civitai_kit.core.paths.safe_names import safe_name
from civitai_kit.core.site.enums import BadOption
from civitai_kit.core.site.query import ImageQuery
from civitai_kit.core.site.references import LARGEST_ID, Reference, ReferenceKind


@dataclass(frozen=True, slots=True)
class Target:
    """One thing whose images are wanted; `value` is a name, a tag as typed, or the digits of an id."""

    kind: ImageKind
    value: str

    @property
    def key(self) -> str:
        """The target as it stands in the keys of the store: tags with `_` for blanks."""
        return "_".join(self.value.split()) if self.kind is ImageKind.TAG else self.value

    @property
    def number(self) -> int:
        """The id of a target that is one."""
        return int(self.value)

    @property
    def folder(self) -> str:
        """Where its images go under the output folder, in the layout by search."""
        parent, prefix = _FOLDERS[self.kind]
        return f"{parent}/{safe_name(f'{prefix}{self.key}', 'unnamed', limit=120)}"

    @property
    def identity(self) -> tuple[ImageKind, str]:
        """Equal for two targets that mean the same: names and tags in any case."""
        return self.kind, " ".join(words_of(self.value)) if self.kind is ImageKind.TAG else self.value.casefold()

    def __str__(self) -> str:
        return f"{_NOUNS[self.kind]} {self.value}"

    def holds(self, record: ImageRecord) -> bool:
        """Whether a record was made for this target."""
        return record.kind is self.kind and Target(record.kind, record.target).identity == self.identity


_FOLDERS: dict[ImageKind, tuple[str, str]] = {
    ImageKind.USERNAME: ("Username_Search", ""),
    ImageKind.MODEL: ("Model_ID_Search", "model_"),
    ImageKind.MODEL_VERSION: ("Model_Version_ID_Search", "modelVersion_"),
    ImageKind.TAG: ("Model_Tag_Search", ""),
    ImageKind.POST: ("Post_ID_Search", "post_"),
    ImageKind.IMAGE: ("Image_ID_Search", "image_"),
}
_NOUNS: dict[ImageKind, str] = {
    ImageKind.USERNAME: "user",
    ImageKind.MODEL: "model",
    ImageKind.MODEL_VERSION: "version",
    ImageKind.TAG: "tag",
    ImageKind.POST: "post",
    ImageKind.IMAGE: "image",
}


def name_target(kind: ImageKind, text: str) -> Target:
    """The target of a name, tag or id as typed; raises UsageError for what the site cannot know."""
    value = text.strip()
    if kind is ImageKind.TAG:
        return Target(kind, _checked_tag(value))
    if kind is ImageKind.USERNAME:
        try:
            return Target(kind, ImageQuery(username=value).username or value)
        except BadOption as error:
            raise UsageError(f"--username: {error.message}", hint=error.hint) from error
    if not (value.isascii() and value.isdigit() and 1 <= len(value) <= 10 and 0 < int(value) <= LARGEST_ID):
        raise UsageError(f"{text!r} is no id of a {_NOUNS[kind]}.", hint=f"Whole numbers from 1 to {LARGEST_ID}.")
    return Target(kind, str(int(value)))


def target_of(reference: Reference) -> Target:
    """The target that a page of the site stands for."""
    match reference:
        case Reference(ReferenceKind.USER, username=str(name)):
            return name_target(ImageKind.USERNAME, name)
        case Reference(ReferenceKind.TAG, tag=str(tag)):
            return name_target(ImageKind.TAG, tag)
        case Reference(ReferenceKind.VERSION | ReferenceKind.FILE, version_id=int(number)):
            return Target(ImageKind.MODEL_VERSION, str(number))
        case Reference(ReferenceKind.POST, post_id=int(number)):
            return Target(ImageKind.POST, str(number))
        case Reference(ReferenceKind.IMAGE, image_id=int(number)):
            return Target(ImageKind.IMAGE, str(number))
        case Reference(ReferenceKind.MODEL, model_id=int(number)):
            return Target(ImageKind.MODEL, str(number))
        case _:
            raise UsageError(f"{reference.text!r} names nothing that has images.")


def distinct(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets in their order, each once."""
    return tuple({target.identity: target for target in reversed(list(targets))}.values())[::-1]


def _checked_tag(tag: str) -> str:
    if not words_of(tag) or not tag.isprintable():
        raise UsageError(f"{tag!r} is no tag.", hint="`civitai-kit tags TEXT` lists the site's tags.")
    return " ".join(tag.split())
