"""Answers of the API without an end: given up after little of them, by the blocking client and the asynchronous one."""

from __future__ import annotations

import itertools
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache
from typing import Any

import pytest

from civitai_kit.core.errors import SiteError, UnexpectedReply
from tests.client.conftest import Asking
from tests.raw_host import RawHost, whole


def refusal_of(asking: Asking, pieces: Callable[[], Iterable[bytes]], **options: Any) -> tuple[SiteError, RawHost]:
    """What the answer to a request of a host that sends these pieces amounts to."""
    with closing(RawHost(lambda _: pieces())) as host, pytest.raises(SiteError) as caught:
        asking.ask(lambda client: client.model(1), base_url=host.url, **options)
    return caught.value, host


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["interim answers", "headers"])
def test_neither_interim_answers_nor_headers_are_read_without_end(asking: Asking, beginning: bytes) -> None:
    piece = b"X: y\r\n" * 1000 if beginning else b"HTTP/1.1 102 Processing\r\n\r\n" * 500
    _, host = refusal_of(asking, lambda: itertools.chain([beginning], itertools.repeat(piece)))
    assert host.sent < 4 * 2**20


def test_interim_answers_without_end_are_an_unexpected_reply(asking: Asking) -> None:
    refusal, host = refusal_of(asking, lambda: itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500))
    assert isinstance(refusal, UnexpectedReply)
    assert len(host.heads) == 1


def test_headers_that_drip_are_given_up(asking: Asking) -> None:
    over = threading.Event()

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not over.wait(0.02):
            yield b"X: y\r\n"

    try:
        refusal, _ = refusal_of(asking, drip, timeout=0.1)
    finally:
        over.set()
    assert isinstance(refusal, UnexpectedReply)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, br"])
def test_a_compression_that_was_not_asked_for_is_not_unpacked(asking: Asking, coding: str) -> None:
    refusal, _ = refusal_of(asking, lambda: [whole(b"x" * 100, f"Content-Encoding: {coding}")])
    assert isinstance(refusal, UnexpectedReply)
    assert "packed in a way" in refusal.message


@cache
def bomb() -> bytes:
    """A small body of 300 MiB, packed."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(300)) + packer.flush()


def test_a_small_answer_that_unpacks_to_any_size_is_given_up_at_the_limit(asking: Asking) -> None:
    packed = bomb()
    tracemalloc.start()
    try:
        refusal, _ = refusal_of(asking, lambda: [whole(packed, "Content-Encoding: gzip")])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "bigger than 64 MiB" in refusal.message
    assert most < 220 * 2**20
