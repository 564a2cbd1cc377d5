"""What a picture or clip is, going by its bytes, since neither its name nor its type tells (site.md 8.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from civitai_kit.core.errors import CivitaiKitError, NotAModel, TransferError
from civitai_kit.core.paths.media_endings import MEDIA

HEAD = 64
TAIL = 64 * 1024

_HEVC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
# ISO base media (ISO 14496-12) by the brand that leads; the last are containers, and their other brands tell more.
_BY_BRAND = {
    **dict.fromkeys((b"avif", b"avis"), ".avif"),
    **dict.fromkeys(_HEVC, ".heic"),
    b"qt  ": ".mov",
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP"), ".m4v"),
    **dict.fromkeys((b"M4A ", b"M4B "), ".m4a"),
    **dict.fromkeys((b"mif1", b"msf1", b"miaf"), ".heif"),
}


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
        return _by_brand(head)
    return None


def _by_brand(head: bytes) -> str:
    """The extension of a file that begins with a box of brands; that of MPEG-4, the commonest, where none is known."""
    leading = head[8:12]
    if leading[:2] == b"3g":
        return ".3g2" if leading[:3] == b"3g2" else ".3gp"
    suffix = _BY_BRAND.get(leading, ".mp4")
    if suffix != ".heif":
        return suffix
    brands = head[16 : int.from_bytes(head[:4], "big")]
    others = (_BY_BRAND.get(brands[at : at + 4]) for at in range(0, len(brands), 4))
    return next((other for other in others if other in (".avif", ".heic")), suffix)


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
    if path.suffix.lower() in MEDIA:
        return path.with_suffix(suffix)
    return path.with_name(path.name + suffix)


class Picture(Protocol):
    """The bytes of a picture that came; `written` is how many they are, `total` how many the host told, if it did."""

    @property
    def written(self) -> int:
        """Length in bytes."""

    @property
    def total(self) -> int | None:
        """Length in bytes by what the host said, None where it did not."""

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
    if picture.total is not None and picture.written >= picture.total:
        return None  # The host sent all that it has: another try brings no more.
    # Some cameras and editors put more behind the picture's end, so that is looked for before anything is refused.
    if not is_whole(suffix, head, picture.tail(TAIL), picture.written) and not picture.holds(END_MARKS.get(suffix)):
        return TransferError("The picture is cut short.")
    return None
