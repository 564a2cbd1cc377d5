"""An entry made ready for a store: what importing counts and holds back until it is written."""

from __future__ import annotations

from typing import NamedTuple


class Packed(NamedTuple):
    """An entry as a store writes it, without its objects; what the bytes hold is the store's own affair."""

    version_id: int
    key: bytes
    value: bytes
    row: bytes | None
    sha256s: list[bytes]
    model_id: bytes | None
