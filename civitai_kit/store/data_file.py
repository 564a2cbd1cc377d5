"""Whether a data file is whole, judged by its own bytes before LMDB maps it.

A mapped file that is shorter than its trees, or a damaged page in them, kills the process at the first read. Being
shorter is no proof: LMDB leaves pages unwritten at the end when it allocated and freed them in one transaction. So what
is missing must be listed as free. (Layout of LMDB's data format 1 on 64-bit machines, in the machine's own byte order.)
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from civitai_kit.files.opening import kind_of, open_own
from civitai_kit.store.errors import odd_file, refused, unreadable
from civitai_kit.store.pages import DEEPEST, HEADER, NO_PAGE, DamagedPages, Pages, Tree

NAME = "data.mdb"
LOCK = "lock.mdb"

_MAGIC, _FORMAT = 0xBEEFC0DE, 1
# Magic, format, page size; depth and root of the free pages, depth and root of the tables; last page, transaction.
_META = struct.Struct("=II16xI2xH32xQ6xH32xQQQ")
_BRANCH, _LEAF = 0x01, 0x02
_BIG = 0x01  # a node whose value lies on overflow pages
_TRIES = 5
_LINK_THE_FOLDER = "A database on another disk is linked as a folder, or named with --database."
POINTER_BYTES = struct.calcsize("P")
# Up to this length every page is looked at when a database is opened, in less than 50 ms; of a longer one the lists of
# free pages and of tables, and the rest when it is used (guard.py).
SMALL = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Meta:
    """What a transaction left behind: the trees of free pages and of tables, and the number of the last page."""

    page_size: int
    free: Tree
    tables: Tree
    last_page: int
    transaction: int


class UnknownFormat(Exception):
    """A data format that only LMDB itself can judge."""


def holds_database(folder: Path) -> bool:
    """Whether there is a database; raises StoreUnreadable when what is there is damaged or is none of LMDB's."""
    path = folder / NAME
    try:
        if folder.exists() and not folder.is_dir():
            raise unreadable(folder, "is a file, and our databases are folders")
        for place in (path, folder / LOCK):
            _refuse_odd(place)
        # A process killed while it made the database leaves an empty file.
        if not path.exists() or path.stat().st_size == 0:
            return False
        if POINTER_BYTES == 8:
            _check(path)
    except OSError as error:
        raise refused(error, folder) from error
    return True


def _refuse_odd(place: Path) -> None:
    """Raise StoreUnreadable where a file of ours is a pipe, a folder, a link, or has a second name: never opened."""
    try:
        found = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(found.st_mode):
        raise odd_file(place, kind_of(found), _LINK_THE_FOLDER)
    if found.st_nlink > 1:
        raise odd_file(place, "a hard link to a file elsewhere", "Put a copy in its place.")


def _check(path: Path) -> None:
    with FileIO(open_own(path, os.O_RDONLY)) as file:
        for _ in range(_TRIES):
            before = _transaction(file)
            try:
                _check_whole(file)
            except (DamagedPages, struct.error, IndexError, ValueError) as error:
                if _transaction(file) == before:
                    raise unreadable(path.parent, f"is damaged, or not one of ours: {error}") from error
            except UnknownFormat:
                return
            else:
                return
    # Another process writes all the while, so that no two reads of ours fit together; it can read what it writes.


def _transaction(file: FileIO) -> int | None:
    """The number of the last transaction, None when it cannot be told."""
    try:
        return _newest_meta(file).transaction
    except (DamagedPages, UnknownFormat, struct.error):
        return None


def _check_whole(file: FileIO) -> None:
    meta = _newest_meta(file)
    size = file.seek(0, os.SEEK_END)
    _check_length(file, meta, size)
    # Elsewhere the file may be as long as the map.
    used = min(size, (meta.last_page + 1) * meta.page_size)
    if used <= SMALL:
        # Read, not mapped: a mapped page that the disk cannot give kills the process, and in a row it comes sooner.
        pages = Pages(memoryview(_read(file, 0, used)), meta.page_size)
        pages.check(meta.free)
        pages.check(meta.tables)
    else:
        pages = mapped_pages(file, used, meta.page_size)
        pages.check(meta.free)
        pages.tables(meta.tables)


def mapped_pages(file: FileIO, used: int, page_size: int) -> Pages:
    """The pages of a file of so many bytes, of which only those are read that are looked at; raises OSError."""
    content = mmap.mmap(file.fileno(), used, access=mmap.ACCESS_READ)

    def touch(number: int, pages: int) -> None:
        # A mapped page that the disk cannot give kills the process; to read it says so.
        for page in range(number, number + pages):
            os.pread(file.fileno(), 1, page * page_size)

    return Pages(memoryview(content), page_size, touch if hasattr(os, "pread") else _let_be)


def _let_be(number: int, pages: int) -> None:
    """For Windows, which cannot read at a place."""


def _check_length(file: FileIO, meta: Meta, size: int) -> None:
    pages = size // meta.page_size
    if meta.last_page < pages:
        return
    # Counted, not listed: a damaged number of the last page could be any.
    unwritten = {number for number in _free_pages(file, meta, pages) if pages <= number <= meta.last_page}
    if len(unwritten) != meta.last_page + 1 - pages:
        raise DamagedPages(f"it is cut off at {size} of {(meta.last_page + 1) * meta.page_size} bytes")


def _newest_meta(file: FileIO) -> Meta:
    return max(metas(file), key=lambda meta: meta.transaction)


def metas(file: FileIO) -> tuple[Meta, Meta]:
    """What the last two transactions left behind; raises DamagedPages or UnknownFormat."""
    first = _meta(_read(file, 0, HEADER + _META.size))
    return first, _meta(_read(file, first.page_size, HEADER + _META.size))


def _meta(page: bytes) -> Meta:
    magic, version, page_size, free_depth, free, depth, root, last, transaction = _META.unpack_from(page, HEADER)
    if magic != _MAGIC:
        raise DamagedPages("it is no LMDB file")
    if version != _FORMAT:
        raise UnknownFormat
    if not 512 <= page_size <= 65536 or page_size & (page_size - 1):
        raise DamagedPages(f"its page size is {page_size}")
    return Meta(page_size, Tree(free, free_depth), Tree(root, depth, holds_tables=True), last, transaction)


def _free_pages(file: FileIO, meta: Meta, pages: int) -> Iterator[int]:
    """The numbers of all pages that the file itself lists as free."""
    todo = [(meta.free.root, 0)] if meta.free.root != NO_PAGE else []
    while todo:
        number, depth = todo.pop()
        if number >= pages or depth > DEEPEST:
            raise DamagedPages("it is cut off within its list of free pages")
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
    for pointer in range(HEADER, lower, 2):
        yield _number(page, pointer, 2)


def _value(file: FileIO, meta: Meta, page: bytes, node: int) -> bytes:
    size = _number(page, node, 4)
    flags, key_size = _number(page, node + 4, 2), _number(page, node + 6, 2)
    start = node + 8 + key_size
    if not flags & _BIG:
        return page[start : start + size]
    return _read(file, _number(page, start, 8) * meta.page_size + HEADER, size)


def _numbers(value: bytes) -> tuple[int, ...]:
    """A list of pages: how many, then their numbers."""
    (count,) = struct.unpack_from("=Q", value)
    return struct.unpack_from(f"={count}Q", value, 8)


def _number(page: bytes, offset: int, size: int) -> int:
    return int.from_bytes(page[offset : offset + size], sys.byteorder)


def _read(file: FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) < size:
        raise DamagedPages("it is cut off")
    return content
