"""How many bytes a file may have: what the site promises, with room to spare; what a storage says is held against it.

Every number of the network is a claim. One that cannot be true fails its own file, and never stands for a full disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from civitai_kit.core.errors import UnexpectedReply
from civitai_kit.core.plans.order import Content, Order
from civitai_kit.core.retry import Setback, Trouble
from civitai_kit.files.errors import disk_full
from civitai_kit.transfer.part.durable import free_bytes

_MIB = 1024 * 1024

# The site's sizeKB is that of an earlier upload for some files (site.md 12), so twice of it and this much may come.
_ROOM = 16 * _MIB

# A disk with less is full, whatever a length that nobody promised may say.
_NEARLY_FULL = 64 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """In bytes: `segment` is what one of several connections is asked for, `first_segment` what is asked for alone
    before, to learn whether ranges are served and how much there is; `sync` is what a crash may waste. `model` is the
    most that a model file may have where the site promises nothing, `picture` the most of a picture or clip."""

    segment: int = 32 * _MIB
    first_segment: int = 8 * _MIB
    sync: int = 32 * _MIB
    model: int = 1024 * 1024 * _MIB
    picture: int = 2048 * _MIB


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` bytes may come; `promised` is what the site says, None where it says nothing that can be."""

    most: int
    promised: int | None

    def check_claim(self, total: int | None) -> None:
        """Raise a Setback for a length, said by a storage, that no such file has."""
        if total is not None and total > self.most:
            said = f"The storage says that the file has {total:,} bytes, {self._against()}."
            raise Setback(UnexpectedReply(said), Trouble.GARBLED)

    def check_room(self, folder: Path, total: int, written: int) -> None:
        """Raise DiskFull where `folder` has no room for what is missing; a Setback where only the storage says so."""
        free = free_bytes(folder)
        wanted = (total if self.promised is None else min(total, self.promised)) - written
        if free is None or free >= wanted:
            return
        if self.promised is None and free >= _NEARLY_FULL:
            said = (
                f"The storage says that the file has {total:,} bytes; {free:,} are free, and the site promises no size."
            )
            raise Setback(UnexpectedReply(said, hint="Make room, if that is how large it is."), Trouble.REFUSED)
        raise disk_full(str(folder), f"{wanted:,} bytes are wanted, and {free:,} are free.")

    def _against(self) -> str:
        if self.promised is not None:
            return f"and the site promises {self.promised:,}"
        return f"and more than {self.most:,} are not taken"


def limit_of(order: Order, sizes: Sizes) -> Limit:
    """The limit for what is ordered."""
    if order.content is Content.IMAGE:
        return Limit(sizes.picture, None)
    size = order.proof.size
    if size is None or not 0 <= size <= sizes.model:
        return Limit(sizes.model, None)
    return Limit(2 * size + _ROOM, size)
