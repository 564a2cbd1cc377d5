"""Whether a data file is whole, judged by its own bytes before LMDB maps it.

A mapped file that is shorter than its tree kills the process at the first read. Being shorter is no proof: LMDB
leaves pages unwritten at the end when it allocated and freed them in one transaction. So what is missing must be
listed as free. (Layout of LMDB's data format 1 on 64-bit machines, in the machine's own byte order.)
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from civitai_kit.core.errors import StoreUnreadable

NAME = "data.mdb"

_MAGIC, _FORMAT = 0xBEEFC0DE, 1
_HEADER = 16  # of every page: number 8, pad 2, flags 2, lower 2, upper 2 (or a count of overflow pages 4)
_META = struct.Struct("=II16xI36xQ48xQQ")  # magic, format, page size, root of the free pages, last page, transaction
_BRANCH, _LEAF = 0x01, 0x02
_BIG = 0x01  # a node whose value lies on overflow pages
_NO_PAGE = 2**64 - 1
_DEEPEST = 64
_TRIES = 3
_POINTER_BYTES = struct.calcsize("P")


@dataclass(frozen=True, slots=True)
class _Meta:
    page_size: int
    free_root: int
    last_page: int
    transaction: int


class _Damaged(Exception):
    """What was read cannot be part of a whole data file."""


class _UnknownFormat(Exception):
    """A data format that only LMDB itself can judge."""


def holds_database(folder: Path) -> bool:
    """Whether there is a database; raises StoreUnreadable when what is there is damaged or is none of LMDB's."""
    path = folder / NAME
    try:
        if folder.exists() and not folder.is_dir():
            raise unreadable(folder, "is a file, and our databases are folders")
        # A process killed while it made the database leaves an empty file.
        if not path.exists() or path.stat().st_size == 0:
            return False
        if _POINTER_BYTES == 8:
            _check(path)
    except OSError as error:
        raise unreadable(folder, f"cannot be read: {error.strerror}") from error
    return True


def unreadable(folder: Path, what: str) -> StoreUnreadable:
    """The error for a database that is refused, with the way out; nothing was changed."""
    return StoreUnreadable(
        f"The database {folder} {what}",
        hint="Nothing was changed. Move it aside, then run again: `civitai-kit db import` brings back an export, and "
        "the `civitai-kit download` that names the same models enters the files that are there. "
        "Or name another with --database.",
        path=str(folder),
    )


def _check(path: Path) -> None:
    for attempt in range(_TRIES):
        try:
            with path.open("rb") as file:
                _check_whole(file)
        except (_Damaged, struct.error) as error:
            # Another process may have written between two reads of ours.
            if attempt == _TRIES - 1:
                raise unreadable(path.parent, f"is damaged, or not one of ours: {error}") from error
        except _UnknownFormat:
            return
        else:
            return


def _check_whole(file: BinaryIO) -> None:
    meta = _newest_meta(file)
    size = file.seek(0, os.SEEK_END)
    pages = size // meta.page_size
    if meta.last_page < pages:
        return
    # Counted, not listed: a damaged number of the last page could be any.
    unwritten = {number for number in _free_pages(file, meta, pages) if pages <= number <= meta.last_page}
    if len(unwritten) != meta.last_page + 1 - pages:
        raise _Damaged(f"it is cut off at {size} of {(meta.last_page + 1) * meta.page_size} bytes")


def _newest_meta(file: BinaryIO) -> _Meta:
    first = _meta(_read(file, 0, _HEADER + _META.size))
    second = _meta(_read(file, first.page_size, _HEADER + _META.size))
    return max(first, second, key=lambda meta: meta.transaction)


def _meta(page: bytes) -> _Meta:
    magic, version, page_size, root, last, transaction = _META.unpack_from(page, _HEADER)
    if magic != _MAGIC:
        raise _Damaged("it is no LMDB file")
    if version != _FORMAT:
        raise _UnknownFormat
    if page_size < 512 or page_size & (page_size - 1):
        raise _Damaged(f"its page size is {page_size}")
    return _Meta(page_size, root, last, transaction)


def _free_pages(file: BinaryIO, meta: _Meta, pages: int) -> Iterator[int]:
    """The numbers of all pages that the file itself lists as free."""
    todo = [(meta.free_root, 0)] if meta.free_root != _NO_PAGE else []
    while todo:
        number, depth = todo.pop()
        if number >= pages or depth > _DEEPEST:
            raise _Damaged("it is cut off within its list of free pages")
        page = _read(file, number * meta.page_size, meta.page_size)
        flags = _number(page, 10, 2)
        for node in _nodes(page):
            if flags & _BRANCH:
                child = _number(page, node, 4) | _number(page, node + 4, 2) << 32
                todo.append((child, depth + 1))
            elif flags & _LEAF:
                yield from _numbers(_value(file, meta, page, node))


def _nodes(page: bytes) -> Iterator[int]:
    lower = _number(page, 12, 2)
    for pointer in range(_HEADER, lower, 2):
        yield _number(page, pointer, 2)


def _value(file: BinaryIO, meta: _Meta, page: bytes, node: int) -> bytes:
    size = _number(page, node, 4)
    flags, key_size = _number(page, node + 4, 2), _number(page, node + 6, 2)
    start = node + 8 + key_size
    if not flags & _BIG:
        return page[start : start + size]
    return _read(file, _number(page, start, 8) * meta.page_size + _HEADER, size)


def _numbers(value: bytes) -> tuple[int, ...]:
    """A list of pages: how many, then their numbers."""
    (count,) = struct.unpack_from("=Q", value)
    return struct.unpack_from(f"={count}Q", value, 8)


def _number(page: bytes, offset: int, size: int) -> int:
    return int.from_bytes(page[offset : offset + size], sys.byteorder)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) < size:
        raise _Damaged("it is cut off")
    return content
