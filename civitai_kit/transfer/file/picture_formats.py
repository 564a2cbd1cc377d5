"""What a picture or clip is, going by its bytes, since neither its name nor its type tells (site.md 8.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from civitai_kit.core.errors import CivitaiKitError, NotAModel, TransferError

HEAD = 64
TAIL = 64 * 1024

_MEDIA_SUFFIXES = frozenset(
    {".png", ".jpeg", ".jpg", ".webp", ".gif", ".avif", ".mp4", ".webm", ".mp3", ".m4v", ".mov", ".jfif"}
)


def media_suffix(head: bytes) -> str | None:
    """The extension of the picture or clip that begins with `head`, None when it is neither."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if head.startswith(b"\xff\xd8\xff"):
        return ".jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ".gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return ".webm"
    if head[4:8] == b"ftyp":
        return ".avif" if head[8:12] in (b"avif", b"avis") else ".mp4"
    return None


# What stands at the end of a picture, where its format has a mark that tells.
END_MARKS = {".png": b"IEND", ".jpeg": b"\xff\xd9"}


def is_whole(suffix: str, head: bytes, tail: bytes, size: int) -> bool:
    """Whether the picture seems to end where it should; True where its format has no cheap mark of its end."""
    match suffix:
        case ".png" | ".jpeg":
            return tail.rfind(END_MARKS[suffix]) >= 0  # It is the last thing there: from the end it is found at once.
        case ".gif":
            return b"\x3b" in tail[-1024:]
        case ".webp":
            return size >= int.from_bytes(head[4:8], "little") + 8
        case _:
            return True


def with_media_suffix(path: Path, suffix: str) -> Path:
    """`path` with the extension of its content, in place of another media extension it may have."""
    if path.suffix.lower() in _MEDIA_SUFFIXES:
        return path.with_suffix(suffix)
    return path.with_name(path.name + suffix)


class Picture(Protocol):
    """The bytes of a picture that came; `written` is how many they are."""

    @property
    def written(self) -> int:
        """Length in bytes."""

    def head(self, length: int) -> bytes:
        """The first bytes."""

    def tail(self, length: int) -> bytes:
        """The last bytes."""

    def holds(self, mark: bytes | None) -> bool:
        """Whether these bytes stand anywhere in it; never so for None."""


def wrong_picture(picture: Picture) -> CivitaiKitError | None:
    """What is wrong with it: no picture at all, or one cut short; None when nothing is."""
    head = picture.head(HEAD)
    suffix = media_suffix(head)
    if suffix is None:
        return NotAModel("What came is neither a picture nor a clip.")
    # Some cameras and editors put more behind the picture's end, so that is looked for before anything is refused.
    if not is_whole(suffix, head, picture.tail(TAIL), picture.written) and not picture.holds(END_MARKS.get(suffix)):
        return TransferError("The picture is cut short.")
    return None
