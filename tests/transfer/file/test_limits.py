"""Lengths that cannot be, and bodies without an end: they fail their own file, and cost neither disk nor memory."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import CivitaiKitError, DiskFull, UnexpectedReply
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof
from civitai_kit.core.retry import RetryRules, Setback
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.file.limits import Limit, Sizes, limit_of
from tests.transfer.raw_host import Answer, RawHost, head, whole

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

    def fetcher(self, host: RawHost, **sizes: int) -> Fetcher:
        """A fetcher that is quick to try again, twice."""
        rules = RetryRules(max_retries=2, first_wait=0.002)
        fetcher = Fetcher(site=host.url, api_key=None, user_agent="t/1", timeout=2, retries=rules, sizes=Sizes(**sizes))
        return self._stack.enter_context(fetcher)

    def order(self, host: RawHost, **changes: Any) -> Order:
        """An order for the one file."""
        parts = {"key": "k", "urls": (f"{host.url}/f",), "target": self.folder / "f.bin", "proof": PROMISE, **changes}
        return Order(**parts)

    def fetch(self, host: RawHost, sizes: dict[str, int] | None = None, **changes: Any) -> Fetched:
        """Fetch it."""
        return self.fetcher(host, **(sizes or {})).fetch(self.order(host, **changes), lambda _: None)

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
