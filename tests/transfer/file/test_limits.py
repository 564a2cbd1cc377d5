"""Lengths that cannot be, and bodies without an end: they fail their own file, and cost neither disk nor memory."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import CivitaiKitError, DiskFull, SizeMismatch, UnexpectedReply
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof
from civitai_kit.core.retry import RetryRules, Setback, Trouble
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.file.limits import Limit, Sizes, limit_of
from tests.raw_host import Answer, RawHost, head, whole

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 800
PROMISE = Proof(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
HUGE = 99_999_999_999_999


class Line:
    """A fetcher of files from one raw host."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def host(self, answer: Answer) -> RawHost:
        """A host that answers so."""
        return self._stack.enter_context(closing(RawHost(answer)))

    def fetcher(self, host: RawHost, timeout: float = 2, **sizes: int) -> Fetcher:
        """A fetcher that is quick to try again, twice."""
        rules = RetryRules(max_retries=2, first_wait=0.002)
        fetcher = Fetcher(
            site=host.url, api_key=None, user_agent="t/1", timeout=timeout, retries=rules, sizes=Sizes(**sizes)
        )
        return self._stack.enter_context(fetcher)

    def order(self, host: RawHost, **changes: Any) -> Order:
        """An order for the one file."""
        parts = {"key": "k", "urls": (f"{host.url}/f",), "target": self.folder / "f.bin", "proof": PROMISE, **changes}
        return Order(**parts)

    def fetch(self, host: RawHost, sizes: dict[str, int] | None = None, timeout: float = 2, **changes: Any) -> Fetched:
        """Fetch it."""
        return self.fetcher(host, timeout, **(sizes or {})).fetch(self.order(host, **changes), lambda _: None)

    def refusal(self, host: RawHost, sizes: dict[str, int] | None = None, **changes: Any) -> CivitaiKitError:
        """Fetch it, and give why it did not come; nothing is left on disk."""
        with pytest.raises(CivitaiKitError) as caught:
            self.fetch(host, sizes, **changes)
        assert list(self.folder.iterdir()) == []
        return caught.value


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with ExitStack() as stack:
        yield Line(tmp_path, stack)


def ranged(total: int) -> bytes:
    """The right bytes as a range of so many."""
    return whole(CONTENT, f"Content-Range: bytes 0-{len(CONTENT) - 1}/{total}", status=206)


@pytest.mark.parametrize(
    "answer",
    [ranged(HUGE), head(f"Content-Length: {HUGE}") + CONTENT, head(f"Content-Length: {'9' * 19}") + CONTENT],
    ids=["range", "length", "19 digits"],
)
@pytest.mark.parametrize("connections", [1, 4])
def test_a_length_that_the_promise_contradicts_fails_that_file_alone(
    line: Line, answer: bytes, connections: int
) -> None:
    refusal = line.refusal(line.host(lambda _: [answer]), connections=connections)
    assert isinstance(refusal, UnexpectedReply)
    assert refusal.message.endswith(f"and the site promises {len(CONTENT):,}.")


def test_a_length_beyond_all_fails_also_where_nothing_is_promised(line: Line) -> None:
    assert isinstance(line.refusal(line.host(lambda _: [ranged(HUGE)]), proof=Proof()), UnexpectedReply)


def test_a_range_that_lies_about_the_length_costs_none_of_the_bytes_that_are_here(line: Line) -> None:
    def lie(asked: str) -> list[bytes]:
        if "Range: bytes=" not in asked:
            return [head(f"Content-Length: {len(CONTENT)}", 'ETag: "e"') + CONTENT[:150_000]]
        start = 150_000
        return [whole(CONTENT[start:], f"Content-Range: bytes {start}-{len(CONTENT) - 1}/{HUGE}", status=206)]

    with pytest.raises(UnexpectedReply):
        line.fetch(line.host(lie))
    rest = whole(CONTENT[150_000:], f"Content-Range: bytes 150000-{len(CONTENT) - 1}/{len(CONTENT)}", status=206)
    assert line.fetch(line.host(lambda _: [rest])).resumed == 150_000


def test_a_promise_beyond_all_is_none_and_the_hash_decides(line: Line) -> None:
    proof = Proof(sha256=PROMISE.sha256, size=HUGE)
    assert line.fetch(line.host(lambda _: [whole(CONTENT)]), proof=proof).size == len(CONTENT)


def test_a_file_twice_as_long_as_promised_is_right_when_its_hash_is(line: Line) -> None:
    proof = Proof(sha256=PROMISE.sha256, size=len(CONTENT) // 2)
    assert line.fetch(line.host(lambda _: [whole(CONTENT)]), proof=proof).size == len(CONTENT)


def test_a_length_that_nobody_promised_and_no_disk_has_room_for_is_no_full_disk(line: Line) -> None:
    total = shutil.disk_usage(line.folder).free * 2
    sizes = {"model": total + 1}
    refusal = line.refusal(line.host(lambda _: [head(f"Content-Length: {total}") + CONTENT]), sizes, proof=Proof())
    assert isinstance(refusal, UnexpectedReply)
    assert "are free" in refusal.message


def test_a_promised_length_that_the_disk_has_no_room_for_is_told_before_the_first_byte(line: Line) -> None:
    total = shutil.disk_usage(line.folder).free * 2
    host = line.host(lambda _: [head(f"Content-Length: {total}") + CONTENT])
    assert isinstance(line.refusal(host, {"model": total}, proof=Proof(size=total)), DiskFull)


@given(size=st.integers(-(2**70), 2**70), total=st.integers(0, 2**70), free=st.integers(0, 2**44))
def test_a_length_that_is_let_through_is_never_beyond_what_was_promised_and_a_promise_kept_is_never_refused(
    size: int, total: int, free: int
) -> None:
    limit = limit_of(Order(key="k", urls=(), target=Path("f"), proof=Proof(size=size)), Sizes())
    assert 0 < limit.most <= 2 * Sizes().model + 16 * MIB
    if limit.promised is not None:
        limit.check_claim(limit.promised)
    if total > limit.most:
        with pytest.raises(Setback):
            limit.check_claim(total)


def test_pictures_are_not_promised_and_have_a_limit_of_their_own() -> None:
    order = Order(key="k", urls=(), target=Path("f"), proof=Proof(size=5), content=Content.IMAGE)
    assert limit_of(order, Sizes(picture=7)) == Limit(7, None)


# -- bodies without an end -----------------------------------------------------------------------------------------

PIECE = bytes(64 * 1024)
CHUNK = b"10000\r\n" + PIECE + b"\r\n"
BODIES: dict[str, tuple[bytes, bytes]] = {
    "until the end of the connection": (head(), PIECE),
    "in chunks": (head("Transfer-Encoding: chunked"), CHUNK),
    "of a range in chunks": (
        head("Transfer-Encoding: chunked", f"Content-Range: bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", status=206),
        CHUNK,
    ),
}


def endless(beginning: bytes, piece: bytes) -> Answer:
    """What begins so and goes on for as long as anybody listens."""
    return lambda _: itertools.chain([beginning], itertools.repeat(piece))


def bomb(size: int) -> bytes:
    """Zeros in a gzip of a thousandth of their size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()


def most_held(work: Callable[[], object]) -> int:
    """The bytes of memory that Python holds at most while it works."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("kind", BODIES)
def test_an_endless_body_is_read_once_up_to_the_promise_and_some_room_and_leaves_nothing(
    line: Line, kind: str, connections: int
) -> None:
    host = line.host(endless(*BODIES[kind]))
    assert isinstance(line.refusal(host, connections=connections), SizeMismatch)
    assert (len(host.heads), host.sent < 25 * MIB) == (1, True)


def test_an_endless_body_without_a_promise_ends_at_the_most_that_a_model_may_have(line: Line) -> None:
    host = line.host(endless(head(), PIECE))
    assert isinstance(line.refusal(host, {"model": 3 * MIB}, proof=Proof()), SizeMismatch)
    assert host.sent < 12 * MIB


@pytest.mark.parametrize("kind", ["until the end of the connection", "in chunks"])
def test_an_endless_picture_is_fetched_once_and_ends_at_the_most_that_a_picture_may_have(line: Line, kind: str) -> None:
    host = line.host(endless(*BODIES[kind]))
    with pytest.raises(Setback) as caught:
        line.fetcher(host, picture=3 * MIB).fetch_picture(line.order(host, content=Content.IMAGE), lambda _: None)
    assert isinstance(caught.value.error, SizeMismatch)
    assert caught.value.trouble is Trouble.REFUSED
    assert caught.value.received > 2 * MIB
    assert (list(line.folder.iterdir()), host.sent < 12 * MIB) == ([], True)


def test_segments_that_are_longer_than_asked_for_are_not_taken_and_one_connection_brings_the_rest(line: Line) -> None:
    def generous(asked: str) -> list[bytes]:
        start, stop = (int(bound or len(CONTENT)) for bound in asked.partition("bytes=")[2].split()[0].split("-"))
        stop = stop + 1 if stop < len(CONTENT) else stop
        more = 10_000 if start and stop < len(CONTENT) else 0
        lines = (f"Content-Range: bytes {start}-{stop - 1}/{len(CONTENT)}", f"Content-Length: {stop - start + more}")
        return [head(*lines, status=206), CONTENT[start:stop], bytes(more)]

    host = line.host(generous)
    assert line.fetch(host, {"segment": 50_000, "first_segment": 1000}, connections=4).size == len(CONTENT)
    assert (line.folder / "f.bin").read_bytes() == CONTENT


def test_a_bomb_unfolds_to_no_more_than_may_come_and_a_little_of_it_at_a_time(line: Line) -> None:
    packed = bomb(200 * MIB)
    host = line.host(lambda _: [whole(packed, "Content-Encoding: gzip")])
    refusals: list[CivitaiKitError] = []
    held = most_held(lambda: refusals.append(line.refusal(host)))
    assert isinstance(refusals[0], SizeMismatch)
    assert held < 8 * MIB


def test_a_bomb_in_a_refusal_is_read_for_its_first_words(line: Line) -> None:
    packed = bomb(200 * MIB)
    host = line.host(lambda _: [whole(packed, "Content-Encoding: gzip", status=403)])
    assert most_held(lambda: line.refusal(host)) < 8 * MIB


def test_a_file_that_came_compressed_is_right_when_its_hash_is(line: Line) -> None:
    packed = zlib.compress(CONTENT)
    assert line.fetch(line.host(lambda _: [whole(packed, "Content-Encoding: deflate")])).size == len(CONTENT)


@pytest.mark.parametrize("packed", [b"no gzip", zlib.compress(CONTENT)[:-9]])
def test_a_broken_compression_is_an_unexpected_reply(line: Line, packed: bytes) -> None:
    with pytest.raises(UnexpectedReply):
        line.fetch(line.host(lambda _: [whole(packed, "Content-Encoding: gzip")]))


def test_a_compression_that_is_unknown_leaves_the_bytes_as_they_are(line: Line) -> None:
    host = line.host(lambda _: [whole(CONTENT, "Content-Encoding: aws-chunked")])
    assert line.fetch(host).size == len(CONTENT)


# -- heads ---------------------------------------------------------------------------------------------------------

INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"


@pytest.mark.parametrize("piece", [INTERIM * 1000, b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 60_000 + b"\r\n\r\n"])
def test_interim_answers_without_end_are_an_unexpected_reply(line: Line, piece: bytes) -> None:
    host = line.host(lambda _: itertools.repeat(piece))
    assert isinstance(line.refusal(host), UnexpectedReply)
    assert host.sent < 3 * MIB


def test_a_few_interim_answers_are_passed_over(line: Line) -> None:
    assert line.fetch(line.host(lambda _: [INTERIM * 50, whole(CONTENT)])).size == len(CONTENT)


def test_headers_without_end_are_refused_after_little_of_them(line: Line) -> None:
    host = line.host(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000))
    line.refusal(host)
    assert host.sent < 3 * MIB


def test_headers_that_drip_are_given_up_although_something_always_comes(line: Line) -> None:
    dripping = threading.Event()

    def drip(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not dripping.wait(0.02):
            yield b"X: y\r\n"

    host = line.host(drip)
    try:
        assert isinstance(line.refusal(host, timeout=0.1), UnexpectedReply)
    finally:
        dripping.set()
    assert len(host.heads) == 1
