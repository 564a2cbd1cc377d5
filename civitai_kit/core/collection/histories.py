"""Reads the image grabber's histories of every version: a list of ids, three forms of JSON, a database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from civitai_kit.core.collection.entry import ImageKind, Quality
from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.media_endings import CLIPS, STILLS
from civitai_kit.core.site.reading import integer, text, texts
from civitai_kit.core.site.references import LARGEST_ID

MEDIA_ENDINGS = frozenset({*STILLS, *CLIPS, ".jpg"})
VIDEO_ENDINGS = frozenset(CLIPS)
# `12_SD`, and since 1.5 `username:ann_12_SD`.
_KEY = re.compile(r"(?:(?P<kind>username|model|tag|modelVersion):(?P<target>.+)_)?(?P<id>\d{1,12})_(?P<quality>SD|HD)")
_FIRST_KEY = re.compile(rb'\{\s*(?:\}|"(?:(?:username|model|tag|modelVersion):[^"]*_)?\d{1,12}_(?:SD|HD)"\s*:)')
_FIRST_LINES = re.compile(rb"(?:[ \t]*\d{1,12}[ \t]*\r?(?:\n|$)\s*)+")
_SQLITE = b"SQLite format 3\0"
# 0.6 wrote minutes behind a dash, 0.5 none at all.
_DATES = ("%Y-%m-%d - %H:%M", "%Y-%m-%d - %H-%M", "%Y-%m-%d")
_SEARCHES: dict[str, tuple[ImageKind, str]] = {
    "Username_Search": (ImageKind.USERNAME, ""),
    "Model_ID_Search": (ImageKind.MODEL, "model_"),
    "Model_Version_ID_Search": (ImageKind.MODEL_VERSION, "modelVersion_"),
    "Model_Tag_Search": (ImageKind.TAG, ""),
}
# Where the grabber puts everything unless told otherwise.
DEFAULT_FOLDER = "image_downloads"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldImage:
    """One image that the grabber took; `parts` is its recorded path split at either slash, `path` as it was.

    `kind` and `target` are None where neither key nor path says what it was asked for by.
    """

    image_id: int
    quality: Quality
    path: str
    date: str | None = None
    url: str | None = None
    checkpoint: str | None = None
    tags: tuple[str, ...] = ()
    kind: ImageKind | None = None
    target: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the path, whichever slashes it has."""
        return tuple(part for part in re.split(r"[\\/]", self.path) if part not in ("", "."))


def is_json_history(head: bytes) -> bool:
    """Whether a file that begins so is a `downloaded_images.json`."""
    return _FIRST_KEY.match(_plain(head)) is not None


def is_text_history(head: bytes) -> bool:
    """Whether a file that begins so is a `downloaded_images.txt`: an id a line."""
    whole = _plain(head)
    complete = whole[: whole.rfind(b"\n") + 1] or whole
    return _FIRST_LINES.fullmatch(complete) is not None


def is_database(head: bytes) -> bool:
    """Whether a file that begins so is an SQLite database."""
    return head.startswith(_SQLITE)


def read_json_history(content: bytes, name: str) -> Iterator[OldImage | None]:
    """The images of a `downloaded_images.json`, None for each that makes no sense; raises UsageError for no JSON."""
    try:
        document = json.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: it is not JSON: {error}.", hint="It may be cut short.", path=name) from error
    if not isinstance(document, dict):
        hint = "It is an object of records, each under a key such as 12345_HD."
        raise UsageError(f"{name}: it is no history of images.", hint=hint, path=name)
    for key, value in document.items():
        yield old_image(key, value) if isinstance(value, dict) else None


def read_text_history(lines: Iterable[str]) -> Iterator[int | None]:
    """The ids of a `downloaded_images.txt`, None for each line that holds none; blank ones are passed over."""
    for line in lines:
        if line.strip():
            number = integer(line.strip().removeprefix("\ufeff"))
            yield number if number is not None and 0 < number <= LARGEST_ID else None


def old_image(key: str, row: Mapping[str, Any], tags: Iterable[str] = ()) -> OldImage | None:
    """One record of any era from its key and its fields; None where it makes no sense."""
    found = _KEY.fullmatch(key)
    path = text(row.get("path"))
    number = int(found.group("id")) if found else 0
    if found is None or not path or not 0 < number <= LARGEST_ID:
        return None
    kind, target = _owner(found, row)
    old = OldImage(
        image_id=number,
        quality=Quality(found.group("quality")),
        path=path,
        date=_iso(text(row.get("download_date"))),
        url=text(row.get("url")),
        checkpoint=text(row.get("checkpoint_name")),
        tags=tuple(dict.fromkeys((*tags, *(tag for tag in texts(row.get("tags")) if tag.strip())))),
        kind=kind,
        target=target,
    )
    if kind is not None and target is not None:
        return old
    kind, target = owner_of(old.parts, number)
    return OldImage(**{**_fields(old), "kind": kind, "target": target})


def owner_of(parts: tuple[str, ...], image_id: int) -> tuple[ImageKind, str]:
    """What an image was asked for by, as far as the folders of its path tell."""
    for place, part in enumerate(parts[:-2]):
        if part in _SEARCHES:
            kind, prefix = _SEARCHES[part]
            return kind, parts[place + 1].removeprefix(prefix)
    # Before 1.0 a user's or a model's folder lay straight under the output folder.
    place = parts.index(DEFAULT_FOLDER) + 1 if DEFAULT_FOLDER in parts[:-2] else len(parts) - 2
    if place < 0:
        return ImageKind.IMAGE, str(image_id)
    name = parts[place].removeprefix("model_")
    return (ImageKind.MODEL if name.isascii() and name.isdigit() else ImageKind.USERNAME), name


def tail_of(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The path from the folder of its search on, which lies under whatever output folder there is; else nothing."""
    return next((parts[place:] for place, part in enumerate(parts[:-1]) if part in _SEARCHES), ())


def _owner(key: re.Match[str], row: Mapping[str, Any]) -> tuple[ImageKind | None, str | None]:
    """What a key or its row says that an image was asked for by; None and None for the older keys."""
    kind, value = key.group("kind") or row.get("target_type"), key.group("target") or text(row.get("target_value"))
    known = next((one for one in ImageKind if one == kind), None)
    return (known, value) if known is not None and value else (None, None)


def _iso(said: str | None) -> str | None:
    for form in _DATES:
        try:
            return datetime.strptime((said or "").strip(), form).replace(tzinfo=UTC).isoformat(timespec="seconds")
        except ValueError:
            continue
    return None


def _fields(old: OldImage) -> dict[str, Any]:
    return {name: getattr(old, name) for name in OldImage.__slots__}


def _plain(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()
