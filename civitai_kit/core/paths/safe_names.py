"""Names that every file system accepts, and slugs as the Go downloader makes them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Every file system in use takes 255 bytes for one name; `<name>.part.journal` and its like must fit as well.
LONGEST_NAME = 255
ROOM_FOR_OUR_SUFFIXES = 24
LONGEST_COMPONENT = LONGEST_NAME - ROOM_FOR_OUR_SUFFIXES
# The longest model name seen on the site has 177 characters and keeps them all where they are ASCII.
LONGEST_SLUG = 180
# What follows the last dot is an extension only when it is short; the rest of a sentence is none.
LONGEST_EXTENSION = 24

# Letters and marks that show nothing: Unicode's Default_Ignorable_Code_Point, as far as it is not category Cf.
_INVISIBLE = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_NEVER_A_CHARACTER = (
    "[\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
# Names that need no change, which are most; device names are checked separately.
_PLAIN = re.compile(r"[A-Za-z0-9_(\[](?:[A-Za-z0-9 ._()\[\]+,'&@=~#%!-]*[A-Za-z0-9_)\]-])?", re.ASCII)
# White space that is a control character or breaks the line: the words on both sides stay apart.
_LINE_BREAKS = "[\t-\r\x1c-\x1f\x85\u2028\u2029]"
# Device names that Windows answers to in every folder, also with an extension or blanks before the dot.
_RESERVED = re.compile(
    r"(?:aux|con|nul|prn|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ .]*(?:\.|$)", re.IGNORECASE
)


_NOT_IN_A_SLUG = re.compile(r"[^a-z0-9._-]")
_BLANK, _UNDERSCORES, _DASHES = re.compile(r"\s"), re.compile("__+"), re.compile("--+")


# A listing says the same types, base models and names again and again.
@lru_cache(maxsize=4096)
def slug(text: str, fallback: str = "unnamed", *, limit: int = LONGEST_SLUG) -> str:
    """A text as the Go downloader writes it in paths, with letters and digits of any script kept.

    `SDXL 1.0` → `sdxl_1.0`. White space becomes `_`, a colon `-`; all but letters, digits and `._-` goes.
    At most `limit` bytes of UTF-8, never empty (`fallback` instead), never led or ended by a dot.
    """
    if text.isascii() and text.isprintable():
        kept = _NOT_IN_A_SLUG.sub("", text.lower().replace(" ", "_").replace(":", "-"))
    else:
        lowered = unicodedata.normalize("NFC", _visible(text)).lower()
        spaced = _BLANK.sub("_", lowered).replace(":", "-")
        kept = unicodedata.normalize("NFC", "".join(_word_characters(spaced)))
    joined = _UNDERSCORES.sub("_", _DASHES.sub("-", kept)).replace("-_", "-").replace("_-", "-")
    return _unreserved(_cut(joined.strip("._-"), limit).rstrip("._-")) or fallback


def safe_name(name: str, fallback: str, *, limit: int = LONGEST_COMPONENT) -> str:
    """One path component that Windows, macOS and Linux take, as near to `name` as can be.

    NFC; no control, format or zero-width characters; `<>:"/\\|?*` become `_`; no blank at either end, no dot
    at the end; no device name; at most `limit` bytes of UTF-8, cut before the extension. Never empty: `fallback`.
    """
    if len(name) <= limit and _PLAIN.fullmatch(name):
        return _unreserved(name)
    # Imported late: most names are plain, and the import takes longer than naming a page of files.
    from pathvalidate import sanitize_filename

    shown = _trimmed(unicodedata.normalize("NFC", re.sub(_LINE_BREAKS, " ", _visible(name))))
    # Cut before the library does: it would cut the extension off.
    stem, extension = split_extension(shown)
    short = _trimmed(_cut(stem, limit - len(extension.encode())) + extension)
    legal = sanitize_filename(short, replacement_text="_", platform="universal", fs_encoding="utf-8")
    return _unreserved(_trimmed(legal)) or fallback


def split_extension(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot) of a file name; the extension is empty where there is none."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not extension or " " in extension or len(extension.encode()) > LONGEST_EXTENSION:
        return name, ""
    return stem, dot + extension


def with_mark(name: str, mark: str | int, *, limit: int = LONGEST_COMPONENT) -> str:
    """A file name with `_<mark>` before its extension, the stem cut where the whole would pass `limit` bytes."""
    stem, extension = split_extension(name)
    tail = f"_{mark}{extension}"
    return _cut(stem, limit - len(tail.encode())) + tail


def is_reserved(name: str) -> bool:
    """Whether Windows takes this name for a device (`Aux`, `con.txt`, `COM1`)."""
    return _RESERVED.match(name) is not None


def _visible(text: str) -> str:
    """The text without lone surrogates, controls, format characters and letters that show nothing."""
    if text.isascii() and text.isprintable():
        return text
    characters = text.encode("utf-8", "ignore").decode()
    shown = (c for c in characters if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    return re.sub(_NEVER_A_CHARACTER, "", re.sub(_INVISIBLE, "", "".join(shown)))


def _word_characters(text: str) -> list[str]:
    """Letters, digits and `._-`, and the marks that belong to a letter before them (Devanagari, Thai …)."""
    kept: list[str] = []
    letter = False
    for character in text:
        letter = character.isalnum() or (letter and unicodedata.category(character).startswith("M"))
        if letter or character in "._-":
            kept.append(character)
    return kept


def _trimmed(name: str) -> str:
    return name.strip().rstrip(". ")


def _unreserved(name: str) -> str:
    if not is_reserved(name):
        return name
    stem, dot, rest = name.partition(".")
    return f"{stem.rstrip()}_{dot}{rest}"


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8 from the start, whole code points only."""
    return text.encode()[: max(limit, 0)].decode(errors="ignore")
