"""The objects of an answer as values that are made when they are looked at: a page has thousands, a scan needs few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Rows(Sequence[T], Generic[T]):
    """A sequence over received objects; `make` makes the value of one, once."""

    __slots__ = ("_made", "_make", "_rows")

    def __init__(self, rows: Sequence[dict[str, Any]], make: Callable[[Any], T]) -> None:
        self._rows = rows
        self._make = make
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        places = range(len(self._rows))[index]
        return self._at(places) if isinstance(places, int) else tuple(self._at(place) for place in places)

    def __iter__(self) -> Iterator[T]:
        return (self._at(place) for place in range(len(self._rows)))

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Rows) else tuple(self) == other

    def __hash__(self) -> int:
        return hash(len(self._rows))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _at(self, place: int) -> T:
        if place not in self._made:
            self._made[place] = self._make(self._rows[place])
        return self._made[place]
