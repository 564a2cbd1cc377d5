"""Whether the pages of a data file hang together, looked at before LMDB follows them.

LMDB believes what it maps: a page that is none, or a node that points out of its page, ends the process with a signal.
So its trees are walked here first. Every page of a tree must carry its own number and be of the kind that its place
asks for; what its nodes say of lengths and pages must stay within.
(Layout of LMDB's data format 1 on 64-bit machines, in the machine's own byte order.)
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

HEADER = 16  # of every page: number 8, pad 2, flags 2, lower 2, upper 2 (or a count of overflow pages 4)
NO_PAGE = 2**64 - 1
DEEPEST = 32  # LMDB's own stack of pages

_BRANCH, _LEAF, _OVERFLOW, _SUBPAGE = 0x01, 0x02, 0x04, 0x40
_KINDS = 0x6F
_NODE = 8  # of every node: length of the value 4 (with flags 2: a page's number), flags 2, length of the key 2
# Nodes whose value is: a page's number, a tree (alone the record of a table), several values.
_BIG, _TREE, _SEVERAL = 0x01, 0x02, 0x04
_TREE_RECORD = struct.Struct("=4xHH32xQ")  # flags, depth, root
_RECORD_SIZE = 48
_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


class DamagedPages(Exception):
    """What was read cannot be part of a whole data file."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of pages: the number of its first (NO_PAGE: none), how many levels it has, and what its values are."""

    root: int
    depth: int
    holds_tables: bool = False


class Pages:
    """The pages of a data file whose trees are to be looked at; `content` is the whole file.

    `touch` is called before so many pages from a number on are looked at. Each page is looked at once.
    """

    def __init__(
        self, content: memoryview, page_size: int, touch: Callable[[int, int], object] = lambda number, pages: None
    ) -> None:
        self._bytes = content
        self._count = len(content) // page_size
        self._size = page_size
        self._numbers = content[: self._count * page_size].cast("Q")
        self._words = content[: self._count * page_size].cast("H")
        self._touch = touch
        self._seen = bytearray(self._count)

    def check(self, tree: Tree) -> None:
        """Walk a tree, and the trees that it holds; raises DamagedPages."""
        trees = [tree]
        while trees:
            found = trees.pop()
            trees += [held for number in self._leaves(found) for _, held in self._check_leaf(number, found)]

    def check_path(self, tree: Tree, key: bytes) -> None:
        """Look only at the pages that lead to a key, and at what is held for it; raises DamagedPages."""
        if tree.root == NO_PAGE:
            return
        number = tree.root
        for _ in range(_levels(tree) - 1):
            number = self._child_towards(number, key)
        for _, held in self._check_leaf(number, tree):
            self.check(held)

    def tables(self, tree: Tree) -> dict[bytes, Tree]:
        """The trees of the tables by their names, which a tree holds; it is walked, they are not."""
        return {
            self._key(number, pointer): held
            for number in self._leaves(tree)
            for pointer, held in self._check_leaf(number, tree)
        }

    def _leaves(self, tree: Tree) -> list[int]:
        """The leaves of a tree, which is walked level by level."""
        if tree.root == NO_PAGE:
            return []
        level = [tree.root]
        for _ in range(_levels(tree) - 1):
            level = list(chain.from_iterable(map(self._children, level)))
        return level

    def _children(self, number: int) -> list[int]:
        return [self._child(number, pointer) for pointer in self._pointers(number, _BRANCH)]

    def _child(self, number: int, pointer: int) -> int:
        words, node = self._words, number * self._size + pointer >> 1
        if pointer & 1 or pointer + _NODE + words[node + 3] > self._size:
            raise DamagedPages(f"its page {number} has a key that leaves it")
        return words[node + _LOW] | words[node + _HIGH] << 16 | words[node + 2] << 32

    def _child_towards(self, number: int, key: bytes) -> int:
        """Where LMDB goes from a branch: it halves as here, so that it goes there also where keys are in disorder."""
        pointers = self._pointers(number, _BRANCH)
        children = [self._child(number, pointer) for pointer in pointers]
        low, high = 1, len(pointers) - 1
        while low <= high:
            middle = (low + high) >> 1
            found = self._key(number, pointers[middle])
            if found == key:
                return children[middle]
            low, high = (middle + 1, high) if found < key else (low, middle - 1)
        return children[low - 1]

    def _key(self, number: int, pointer: int) -> bytes:
        start = number * self._size + pointer
        length = self._words[(start >> 1) + 3]
        return bytes(self._bytes[start + _NODE : start + _NODE + length])

    def _pointers(self, number: int, kind: int) -> list[int]:
        """Where the nodes of a page begin; raises DamagedPages when it is not of this kind, or was met before."""
        if number >= self._count:
            raise DamagedPages(f"its page {number} is cut off")
        self._touch(number, 1)
        words, start = self._words, number * self._size >> 1
        flags, lower, upper = words[start + 5 : start + 8]
        if self._seen[number] or self._numbers[number * self._size >> 3] != number or flags & _KINDS != kind:
            raise DamagedPages(f"its page {number} is not what it should be")
        self._seen[number] = 1
        pointers = words[start + 8 : start + (lower >> 1)].tolist()
        if not HEADER < lower <= upper or min(pointers) < upper or max(pointers) > self._size - _NODE:
            raise DamagedPages(f"its page {number} is in disorder")
        return pointers

    def _check_leaf(self, number: int, tree: Tree) -> list[tuple[int, Tree]]:
        """Check what the nodes of a leaf say of their values; gives the trees among these by their nodes."""
        words, size, start = self._words, self._size, number * self._size >> 1
        held: list[tuple[int, Tree]] = []
        for pointer in self._pointers(number, _LEAF):
            node = start + (pointer >> 1)
            length = words[node + _LOW] | words[node + _HIGH] << 16
            flags, end = words[node + 2], pointer + _NODE + words[node + 3]
            if flags:
                found = self._check_value(number * size + end, flags, length, number, tree)
                held += [(pointer, each) for each in found]
                length = _NODE if flags & _BIG else length
            if end + length > size or pointer & 1:
                raise DamagedPages(f"its page {number} has a value that leaves it")
        return held

    def _check_value(self, offset: int, flags: int, length: int, number: int, tree: Tree) -> list[Tree]:
        """Check a value that is more than bytes; gives the tree that it is, if it is one."""
        if flags == _BIG:
            self._check_overflow(struct.unpack_from("=Q", self._bytes, offset)[0], length)
            return []
        if flags in (_TREE, _TREE | _SEVERAL) and length == _RECORD_SIZE and tree.holds_tables == (flags == _TREE):
            _, depth, root = _TREE_RECORD.unpack_from(self._bytes, offset)
            return [Tree(root, depth)]
        if flags == _SEVERAL and not tree.holds_tables and self._is_subpage(offset, length):
            return []
        raise DamagedPages(f"its page {number} has a value of no known kind")

    def _check_overflow(self, number: int, length: int) -> None:
        """Check the pages of a value that is too long for a leaf."""
        wanted = (HEADER + length - 1) // self._size + 1
        if number + wanted > self._count:
            raise DamagedPages(f"its page {number} is cut off")
        self._touch(number, wanted)
        flags = self._words[(number * self._size >> 1) + 5]
        (pages,) = struct.unpack_from("=I", self._bytes, number * self._size + 12)
        if self._numbers[number * self._size >> 3] != number or flags & _KINDS != _OVERFLOW or pages < wanted:
            raise DamagedPages(f"its page {number} is not what it should be")

    def _is_subpage(self, offset: int, length: int) -> bool:
        """Whether several values of one key lie in a page within the page, each inside it."""
        if length < HEADER or offset + length > len(self._bytes):
            return False
        flags, lower, upper = struct.unpack_from("=HHH", self._bytes, offset + 10)
        if flags & _KINDS != _LEAF | _SUBPAGE or not HEADER < lower <= upper <= length:
            return False
        pointers = struct.unpack_from(f"={(lower - HEADER) // 2}H", self._bytes, offset + HEADER)
        for pointer in pointers:
            if not upper <= pointer <= length - _NODE:
                return False
            # Here a value is what stands where others have their key.
            (value,) = struct.unpack_from("=H", self._bytes, offset + pointer + 6)
            if pointer + _NODE + value > length:
                return False
        return True


def _levels(tree: Tree) -> int:
    if not 1 <= tree.depth <= DEEPEST:
        raise DamagedPages(f"a tree of it is {tree.depth} pages deep")
    return tree.depth
