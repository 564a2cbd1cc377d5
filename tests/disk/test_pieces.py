"""Piece hashes by threads, held against hashing plainly."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civitai_kit.core.errors import Interrupted, SizeMismatch
from civitai_kit.disk.pieces import PieceHasher

PIECE = 16 * 1024


@pytest.fixture
def hasher() -> Iterator[PieceHasher]:
    with closing(PieceHasher(3)) as made:
        yield made


def plain(content: bytes, piece_size: int) -> bytes:
    pieces = range(0, len(content), piece_size)
    return b"".join(hashlib.sha1(content[at : at + piece_size]).digest() for at in pieces)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5 * PIECE // 2), min_size=1, max_size=6), st.sampled_from([PIECE, 2 * PIECE]))
def test_pieces_run_over_the_borders_of_files(
    tmp_path: Path, hasher: PieceHasher, sizes: list[int], piece_size: int
) -> None:
    stream = os.urandom(sum(sizes))
    sources, at = [], 0
    for number, size in enumerate(sizes):
        path = tmp_path / str(number)
        path.write_bytes(stream[at : at + size])
        sources.append((path, size))
        at += size
    assert hasher.hash(sources, piece_size, lambda done: None) == plain(stream, piece_size)


@pytest.mark.parametrize("piece_size", [PIECE, 2**20, 2**24])
def test_a_file_of_many_spans_comes_out_in_order(tmp_path: Path, hasher: PieceHasher, piece_size: int) -> None:
    content = os.urandom(2**20) * 33 + b"rest"
    path = tmp_path / "a"
    path.write_bytes(content)
    told: list[int] = []
    assert hasher.hash([(path, len(content))], piece_size, told.append) == plain(content, piece_size)
    assert told == sorted(told)
    assert told[-1] == len(content)


def test_many_torrents_share_the_threads(tmp_path: Path, hasher: PieceHasher) -> None:
    contents = [os.urandom(2**20) * number for number in range(9, 15)]
    found: dict[int, bytes] = {}

    def work(number: int, content: bytes) -> None:
        path = tmp_path / str(number)
        path.write_bytes(content)
        found[number] = hasher.hash([(path, len(content))], PIECE, lambda done: None)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(contents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: plain(content, PIECE) for number, content in enumerate(contents)}


@pytest.mark.parametrize("size", [PIECE + 1, PIECE - 1])
def test_a_file_of_another_length_than_said_is_refused(tmp_path: Path, hasher: PieceHasher, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(PIECE))
    with pytest.raises(SizeMismatch):
        hasher.hash([(path, size)], PIECE, lambda done: None)


def test_a_file_that_is_written_meanwhile_is_refused(tmp_path: Path, hasher: PieceHasher) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(2**25))

    def touch(done: int) -> None:
        os.utime(path, ns=(1, 1))

    with pytest.raises(SizeMismatch):
        hasher.hash([(path, 2**25)], PIECE, touch)


def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.truncate(path, 2**34)
    stop = threading.Event()
    with closing(PieceHasher(2, stop.is_set)) as hasher, pytest.raises(Interrupted):
        hasher.hash([(path, 2**34)], 2**24, lambda done: stop.set())
