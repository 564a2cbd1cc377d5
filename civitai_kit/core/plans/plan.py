"""The outcome of a scan: a Plan of Items to fetch and Skips not to; a plan file is this as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from civitai_kit.core.errors import CivitaiKitError, exit_code_of

PLAN_SCHEMA = 1


class Reason(StrEnum):
    """Why something is not fetched; the names stand in `skips[].reason`."""

    HAVE = "have"
    BASE_MODEL = "base_model"
    TYPE = "type"
    TAG = "tag"
    CREATOR = "creator"
    FILE_NAME = "file_name"
    FILE_TYPE = "file_type"
    NOT_PRIMARY = "not_primary"
    NOT_PRUNED = "not_pruned"
    NOT_FP16 = "not_fp16"
    FORMAT = "format"
    SIZE = "size"
    UNSAFE = "unsafe"
    EARLY_ACCESS = "early_access"
    NOT_DOWNLOADABLE = "not_downloadable"
    PRIVATE = "private"
    ARCHIVED = "archived"
    TAKEN_DOWN = "taken_down"
    NO_FILES = "no_files"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to fetch. `path` is relative to the save path with `/`; `size` in bytes; digests lower-case hex.

    `url` is the download URL the site printed, as path and query only; `foreign` says that the file belongs to
    another version, so that only `url` reaches it (site.md 7.3). Digests and size are None where the site has none,
    and so are `format` (SafeTensor …), `fp` (fp16 …), `size_variant` (full, pruned) and `quant` (Q4_K_M …).
    """

    model_id: int | None
    model_name: str
    version_id: int
    version_name: str
    file_id: int | None
    file_name: str
    type: str
    base_model: str
    path: str
    size: int | None = None
    sha256: str | None = None
    blake3: str | None = None
    crc32: str | None = None
    auto_v3: str | None = None
    file_type: str | None = None
    format: str | None = None
    fp: str | None = None
    size_variant: str | None = None
    quant: str | None = None
    creator: str | None = None
    url: str | None = None
    foreign: bool = False

    @property
    def variant(self) -> str:
        """What tells it from the other files of its version: `fp16 pruned`, `GGUF Q4_K_M`, `VAE`; empty for nothing."""
        usual = {self.file_type: ("Model", "Pruned Model"), self.format: ("SafeTensor", "Other")}
        odd = [word for word, names in usual.items() if word not in names]
        return " ".join(dict.fromkeys(word for word in (*odd, self.fp, self.size_variant, self.quant) if word))

    def as_row(self) -> dict[str, Any]:
        """The item as one row of `items[]`."""
        return {name: getattr(self, name) for name in _ITEM_FIELDS}


# Read once: `dataclasses.asdict` copies every value, which a plan of thousands of items feels.
_ITEM_FIELDS = tuple(field.name for field in fields(Item))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """One thing not to fetch; `item` is there when the file itself is known (always for `have`).

    `until` is the ISO end of early access where the site gives one.
    """

    reason: Reason
    model_id: int | None = None
    model_name: str | None = None
    version_id: int | None = None
    version_name: str | None = None
    file_id: int | None = None
    file_name: str | None = None
    until: str | None = None
    item: Item | None = None

    def as_row(self) -> dict[str, Any]:
        """The skip as one row of `skips[]` or `skipped[]`: the item's fields where known, and `reason`."""
        if self.item is not None:
            return {**self.item.as_row(), "reason": str(self.reason)}
        row = {
            "model_id": self.model_id,
            "model_name": self.model_name,
            "version_id": self.version_id,
            "version_name": self.version_name,
            "file_id": self.file_id,
            "file_name": self.file_name,
            "reason": str(self.reason),
        }
        return row if self.until is None else {**row, "until": self.until}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a scan found: `items` in the order of the site, `skips`, and how many `models` and `pages` were read.

    `errors` are the REFs that could not be had, or can only be skipped, and models over which the program stumbled;
    `named` counts the REFs that could.
    `trimmed` says that the site was asked to leave versions out of the models it listed (site.md 2.1, baseModels).
    """

    items: tuple[Item, ...]
    skips: tuple[Skip, ...] = ()
    models: int = 0
    pages: int = 0
    errors: tuple[CivitaiKitError, ...] = ()
    named: int = 0
    trimmed: bool = False

    @property
    def exit_code(self) -> int:
        """0, or what the REFs and models that could not be had add up to."""
        return exit_code_of([error.code for error in self.errors], succeeded=bool(self.named or self.items))

    @property
    def total_size(self) -> int:
        """Bytes of all items whose size the site gives."""
        return sum(item.size or 0 for item in self.items)

    def skip_counts(self) -> dict[Reason, int]:
        """Reason → how many, most first."""
        return dict(Counter(skip.reason for skip in self.skips).most_common())

    def as_json(self) -> dict[str, Any]:
        """The `data` of `scan --json`; with `schema` it is the plan file."""
        return {
            "items": [item.as_row() for item in self.items],
            "skips": [skip.as_row() for skip in self.skips],
            "total_size": self.total_size,
        }
