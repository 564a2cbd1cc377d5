"""A gallery of any length, for measuring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import overload
from uuid import UUID

from civitai_kit.sandbox.worlds import media
from civitai_kit.sandbox.worlds.bodies import GivenBody
from civitai_kit.sandbox.worlds.records import EPOCH, UserRecord, WorldImage

FIRST_IMAGE = 100_000_001
PLACE = UUID("0a51f3b6-7f7f-5d0c-8f6e-000000000000")


class Gallery(Sequence[WorldImage]):
    """Images that are made when asked for, so that any number of them needs no memory."""

    def __init__(self, count: int, owner: UserRecord, *, bytes_each: int = 0) -> None:
        self._count, self._owner, self._bytes_each = count, owner, bytes_each

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> WorldImage: ...
    @overload
    def __getitem__(self, index: slice) -> list[WorldImage]: ...
    def __getitem__(self, index: int | slice) -> WorldImage | list[WorldImage]:
        if isinstance(index, slice):
            return [self._make(number) for number in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._make(index % self._count)

    def __iter__(self) -> Iterator[WorldImage]:
        return (self._make(number) for number in range(self._count))

    def by_uuid(self, uuid: str) -> WorldImage | None:
        """The image of a uuid: its last part is the number."""
        try:
            number = UUID(uuid).int - PLACE.int
        except ValueError:
            return None
        return self._make(number) if 0 <= number < self._count else None

    def _make(self, number: int) -> WorldImage:
        text = f"image {number}"
        return WorldImage(
            id=FIRST_IMAGE + self._count - number,
            uuid=str(UUID(int=PLACE.int + number)),
            body=GivenBody(media.png(text=text) + bytes(self._bytes_each)),
            username=self._owner.username,
            user_id=self._owner.id,
            post_id=9500 + number // 20,
            version_ids=[12_345],
            model_id=123,
            base_model="SDXL 1.0",
            meta={"prompt": f"a picture, number {number}", "seed": number},
            created_at=EPOCH - timedelta(seconds=number),
        )
