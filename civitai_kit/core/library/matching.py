"""Which of the site's files a local file is: by its own digests, the strongest first (site.md 5, 10.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.site.models import ModelFile, ModelVersion

# Header values that the site keeps as a hash of the file; a copied header would match, so they only look up.
_HEADER_HASHES = (("sshs_model_hash", 12), ("sshs_legacy_hash", 8))
_IN_THE_HEADER = ("sshs_12", "auto_v1")


def digest_of(digests: Digests, kind: MatchedBy) -> str | None:
    """The digest by which a match of this kind is looked for; the site keeps AutoV3 with 12 digits."""
    value = {
        MatchedBy.SHA256: digests.sha256,
        MatchedBy.AUTO_V3: digests.auto_v3[:12] if digests.auto_v3 else None,
        MatchedBy.BLAKE3: digests.blake3,
        MatchedBy.CRC32: digests.crc32,
        MatchedBy.AUTO_V2: digests.auto_v2,
        MatchedBy.AUTO_V1: digests.auto_v1,
    }
    return value.get(kind)


def weaker_names(digests: Digests, header: Mapping[str, str], *, thorough: bool) -> Iterator[tuple[MatchedBy, str]]:
    """What to ask by when the site does not know the SHA256, the best first.

    A header that holds metadata may have been edited: the bytes behind it, AutoV3, are the same then. The other digests
    are of the same bytes as the SHA256 and find a file only where the site lacks that: they are for who is `thorough`.
    """
    if header or thorough:
        yield from _known(digests, MatchedBy.AUTO_V3)
        for name, length in _HEADER_HASHES:
            value = header.get(name, "")[:length].lower()
            if len(value) == length and all(character in "0123456789abcdef" for character in value):
                yield MatchedBy.HEADER, value
    if thorough:
        for kind in (MatchedBy.BLAKE3, MatchedBy.AUTO_V2, MatchedBy.CRC32, MatchedBy.AUTO_V1):
            yield from _known(digests, kind)


def _known(digests: Digests, kind: MatchedBy) -> Iterator[tuple[MatchedBy, str]]:
    value = digest_of(digests, kind)
    if value is not None:
        yield kind, value


def file_matching(version: ModelVersion, kind: MatchedBy, value: str) -> ModelFile | None:
    """The version's file with this digest; None when it has none, or lists no files."""
    return next((file for file in version.files if _has(file, kind, value)), None)


def _has(file: ModelFile, kind: MatchedBy, value: str) -> bool:
    if kind is MatchedBy.HEADER:
        return any(value == held[: len(value)] for name, held in _raw_hashes(file) if name in _IN_THE_HEADER)
    held = getattr(file.hashes, kind.value, None)
    if held is None:
        return False
    if kind is MatchedBy.CRC32:
        return value in (held, bytes.fromhex(held)[::-1].hex()) if len(held) == 8 else False
    return bool(held[: len(value)] == value if kind is MatchedBy.AUTO_V3 else held == value)


def _raw_hashes(file: ModelFile) -> Iterator[tuple[str, str]]:
    for name, held in file.hashes.raw.items():
        if isinstance(held, str):
            yield name.lower(), held.lower()


def owner_among(versions: Iterable[ModelVersion], sha256: str, owned: Iterable[int] = ()) -> ModelVersion | None:
    """The version that a file is taken for when several hold its bytes: one that is owned, else the earliest."""
    have = set(owned)
    holding = [one for one in versions if one.id is not None and file_matching(one, MatchedBy.SHA256, sha256)]
    return min(holding, key=lambda one: (one.id not in have, one.published_at or "9", one.id or 0), default=None)
