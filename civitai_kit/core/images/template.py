"""Templates of paths for images: `{username}/{base_model}/{image_id}`, checked once, then one image → one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from civitai_kit.core.errors import UsageError
from civitai_kit.core.images.targets import Target
from civitai_kit.core.paths.safe_names import safe_name, slug
from civitai_kit.core.paths.template_parser import Piece, TemplateProblem, parse_template
from civitai_kit.core.site.models import Image

_FILE = [("", "image_id")]
_EMPTY = "Such as {username}/{base_model}/{image_id}."
_RELATIVE = "It is relative to the output folder."
_Value = Callable[[Target, Image, str | None], str | int | None]

PLACEHOLDERS: dict[str, _Value] = {
    "kind": lambda target, image, name: str(target.kind),
    "target": lambda target, image, name: target.key,
    "username": lambda target, image, name: image.username,
    "base_model": lambda target, image, name: image.base_model,
    "model_name": lambda target, image, name: name,
    "post_id": lambda target, image, name: image.post_id,
    "type": lambda target, image, name: image.type,
    "nsfw_level": lambda target, image, name: image.nsfw_level,
    "year": lambda target, image, name: (image.created_at or "")[:4],
    "month": lambda target, image, name: (image.created_at or "")[5:7],
    "day": lambda target, image, name: (image.created_at or "")[8:10],
    "image_id": lambda target, image, name: image.id,
}


class ImageTemplate:
    """A template whose last part is `{image_id}`; the others are slugs, missing values read `unknown_<placeholder>`.

    Raises UsageError for one that is empty, absolute, leaves its root, or has an unknown placeholder.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            *self._parts, file = parse_template(text.strip(), PLACEHOLDERS, empty=_EMPTY, relative=_RELATIVE)
        except TemplateProblem as found:
            _refuse(text, found.problem, found.hint)
        if file != _FILE:
            hint = "Folders may be what you like; extension and quality are added."
            _refuse(text, "must end in {image_id}", hint)

    def folders(self, target: Target, image: Image, name: str | None) -> Iterator[str]:
        """The folder of an image (`name` is that of what made it), then ever shorter ones."""
        for limit in (180, 60, 30, 16):
            yield "/".join(self._render(part, target, image, name, limit) for part in self._parts)

    def _render(self, part: list[Piece], target: Target, image: Image, name: str | None, limit: int) -> str:
        written = ""
        for literal, field in part:
            written += literal
            if field is not None:
                value = PLACEHOLDERS[field](target, image, name)
                written += slug("" if value is None else str(value), f"unknown_{field}", limit=limit)
        return safe_name(written, "unnamed")


def _refuse(text: str, problem: str, hint: str) -> NoReturn:
    raise UsageError(f"--path-template {text!r} {problem}.", hint=hint)
