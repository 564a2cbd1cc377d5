"""One file from the site to its place: what is asked, what is kept, what is refused."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from civitai_kit.core.errors import (
    CivitaiKitError,
    Code,
    Forbidden,
    HashMismatch,
    NotAModel,
    NotFound,
    NotWritable,
    RateLimited,
    SizeMismatch,
    Unauthorized,
)
from civitai_kit.core.plans.order import Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.testing import Known, Sandbox, World
from tests.transfer.conftest import Desk

AT = 2_000_000


def test_the_file_stands_alone_under_its_name_with_the_users_umask(desk: Desk) -> None:
    before = os.umask(0o027)
    try:
        fetched = desk.fetch()
    finally:
        os.umask(before)
    assert desk.names() == ["model.safetensors"]
    assert desk.target.read_bytes() == desk.content
    assert stat.S_IMODE(desk.target.stat().st_mode) == 0o640
    assert (fetched.path, fetched.size) == (desk.target, len(desk.content))
    assert (fetched.received, fetched.resumed) == (len(desk.content), 0)
    assert fetched.digests.sha256 == desk.sha256


def test_a_file_of_no_bytes_is_a_file(desk: Desk) -> None:
    empty = desk.sandbox.world.add_file(desk.version, "empty.txt", content=b"")
    url = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId={empty.id}"
    proof = Proof(sha256=empty.body.digests["SHA256"], size=0)
    assert desk.fetch(desk.order(urls=(url,), proof=proof)).size == 0
    assert desk.target.read_bytes() == b""


@pytest.mark.parametrize("name", ["sha256", "blake3", "crc32"])
def test_the_strongest_promise_decides_and_is_computed(desk: Desk, name: str) -> None:
    value = desk.file.body.digests[name.upper()]
    fetched = desk.fetch(desk.order(proof=Proof(**{name: value}, size=1)))
    assert getattr(fetched.digests, name) == value.lower()


def test_a_crc32_in_the_other_byte_order_is_right_too(desk: Desk) -> None:
    turned = bytes.fromhex(desk.file.body.digests["CRC32"])[::-1].hex()
    assert not desk.fetch(desk.order(proof=Proof(crc32=turned))).mismatch


# -- the key ------------------------------------------------------------------------------------------------------


def test_the_key_goes_to_the_site_and_nowhere_else(desk: Desk) -> None:
    desk.sandbox.faults.add("cut", at=AT)
    desk.sandbox.faults.add("redirect_chain", hops=2)
    desk.fetch()
    site = [record for record in desk.sandbox.requests if record.host == "site"]
    storage = [record for record in desk.sandbox.requests if record.host == "storage"]
    assert all(record.headers["authorization"] == f"Bearer {desk.sandbox.api_key}" for record in site)
    assert len(storage) > 2
    assert not any("authorization" in record.headers for record in storage)
    assert not any(desk.sandbox.api_key in record.path + record.query for record in desk.sandbox.requests)


def test_no_key_no_cookie_and_no_netrc_go_along(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = desk.folder / "netrc"
    netrc.write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with pytest.raises(Unauthorized) as caught:
        desk.fetch(api_key=None)
    assert caught.value.code is Code.LOGIN_REQUIRED
    assert "CIVITAI_API_KEY" in str(caught.value.hint)
    assert not any({"authorization", "cookie"} & set(record.headers) for record in desk.sandbox.requests)


def test_a_wrong_key_is_told_from_none(desk: Desk) -> None:
    with pytest.raises(Unauthorized) as caught:
        desk.fetch(api_key="wrong")
    assert "wrong or expired key" in str(caught.value.hint)


def test_neither_log_nor_errors_nor_journal_hold_key_or_signature(desk: Desk) -> None:
    for name in ("cut", "expired", "storage_500", "range_416", "html_file", "wrong_range", "stall"):
        desk.sandbox.faults.add(name, times=1, match="", **({"at": AT} if name in ("cut", "stall") else {}))
    desk.sandbox.faults.add("storage_503", times=None)
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(timeout=0.3)
    kept = [path.read_text("latin-1") for path in desk.target.parent.glob("*.json")]
    said = "\n".join([*desk.logged, *kept, str(caught.value.as_row()), *map(str, desk.events)])
    assert desk.logged
    assert desk.sandbox.api_key not in said
    assert not re.search("signature|credential", said, re.IGNORECASE)


# -- the quota ----------------------------------------------------------------------------------------------------


def test_the_signed_link_is_used_again_after_every_cut(desk: Desk) -> None:
    desk.sandbox.faults.add("cut", times=3, at=1_000_000)
    fetched = desk.fetch()
    assert desk.asked("site") == 1
    assert desk.ranges() == ["", "bytes=1000000-", "bytes=2000000-", "bytes=3000000-"]
    assert fetched.received == len(desk.content)


def test_a_refused_link_is_asked_for_anew_and_the_bytes_stay(desk: Desk) -> None:
    desk.sandbox.faults.add("cut", at=AT)
    desk.sandbox.faults.add("expired")
    fetched = desk.fetch()
    assert desk.asked("site") == 2
    assert desk.ranges()[-1] == f"bytes={AT}-"
    assert fetched.received == len(desk.content)
    assert desk.waits == [pytest.approx(0.002, rel=0.3)]


def test_a_link_known_to_have_expired_is_not_tried(desk: Desk) -> None:
    day = [0.0]

    def clock() -> float:
        return datetime.now(UTC).timestamp() + day[0]

    def sleep(_: float) -> None:
        day[0] += timedelta(days=2).total_seconds()

    desk.sandbox.faults.add("cut", at=AT)
    desk.fetch(clock=clock, sleep=sleep)
    assert desk.asked("site") == 2
    assert [record.status for record in desk.sandbox.requests if record.host == "storage"] == [200, 206]


def test_a_used_up_quota_is_not_tried_again(desk: Desk) -> None:
    desk.sandbox.faults.add("quota", times=None)
    with pytest.raises(RateLimited) as caught:
        desk.fetch()
    assert caught.value.code is Code.QUOTA_EXCEEDED
    assert desk.asked("site") == 1


# -- what the site refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (Known.ARCHIVED, Code.ARCHIVED),
        (Known.EARLY_ACCESS, Code.EARLY_ACCESS),
        (Known.PAID_FOR_EVER, Code.EARLY_ACCESS),
        (Known.GENERATION_ONLY, Code.DOWNLOADS_DISABLED),
        (Known.NOT_GRANTED, Code.NO_ACCESS),
        (Known.REAL_PERSON, Code.NOT_FOUND),
    ],
)
def test_each_refusal_has_its_code_and_leaves_nothing(desk: Desk, model: Known, code: Code) -> None:
    desk.sandbox.reset(World.standard())
    url = f"{desk.sandbox.url}/api/download/models/{int(model) * 100 + 1}"
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(desk.order(urls=(url,)))
    assert caught.value.code is code
    assert desk.names() == []


def test_early_access_says_when_it_ends(desk: Desk) -> None:
    desk.sandbox.reset(World.standard())
    url = f"{desk.sandbox.url}/api/download/models/{int(Known.EARLY_ACCESS) * 100 + 1}"
    with pytest.raises(Forbidden) as caught:
        desk.fetch(desk.order(urls=(url,)))
    assert caught.value.deadline is not None
    assert caught.value.deadline in str(caught.value.hint)


def test_the_next_url_is_tried_when_the_first_is_not_found(desk: Desk) -> None:
    missing = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId=1"
    desk.fetch(desk.order(urls=(missing, desk.url)))
    assert desk.target.read_bytes() == desk.content
    assert desk.asked("site") == 4


def test_not_found_is_the_error_when_no_url_is_left(desk: Desk) -> None:
    missing = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId=1"
    with pytest.raises(NotFound):
        desk.fetch(desk.order(urls=(missing, missing + "2")))


# -- waits --------------------------------------------------------------------------------------------------------


def test_a_busy_server_is_waited_for_longer_each_time(desk: Desk) -> None:
    desk.sandbox.faults.add("storage_503", times=3)
    desk.fetch(chance=lambda: 0.0, retries=RetryRules(first_wait=0.01))
    assert desk.waits == [pytest.approx(0.01), pytest.approx(0.02), pytest.approx(0.04)]


def test_a_bare_429_is_waited_for_thirty_times_as_long(desk: Desk) -> None:
    desk.sandbox.faults.add("rate_limited_bare")
    desk.fetch(chance=lambda: 0.0)
    assert desk.waits == [pytest.approx(0.06)]


def test_the_server_says_how_long_to_wait(desk: Desk) -> None:
    desk.sandbox.faults.add("storage_429", retry_after=0.05)
    desk.fetch()
    assert desk.waits == [0.05]


def test_the_count_starts_anew_when_bytes_have_advanced(desk: Desk) -> None:
    desk.sandbox.faults.add("cut", times=9, at=500_000)
    desk.fetch(retries=RetryRules(max_retries=1, first_wait=0.001))
    assert desk.target.read_bytes() == desk.content


def test_a_server_that_always_begins_anew_is_given_up(desk: Desk) -> None:
    desk.sandbox.faults.add("ignore_range", times=None)
    desk.sandbox.faults.add("cut", times=None, at=AT)
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch()
    assert caught.value.code is Code.NETWORK
    assert (desk.asked("storage"), desk.asked("site")) == (7, 4)


# -- bytes that are wrong -----------------------------------------------------------------------------------------


def test_a_wrong_hash_is_tried_once_more_from_nothing_and_then_leaves_nothing(desk: Desk) -> None:
    desk.sandbox.faults.add("wrong_bytes", times=None)
    with pytest.raises(HashMismatch) as caught:
        desk.fetch()
    assert desk.ranges() == ["", ""]
    assert desk.asked("site") == 1
    assert desk.sha256 in caught.value.message
    assert desk.names() == []


def test_a_wrong_hash_may_be_allowed_to_stay(desk: Desk) -> None:
    desk.sandbox.faults.add("wrong_bytes", times=None)
    fetched = desk.fetch(desk.order(allow_hash_mismatch=True))
    assert fetched.mismatch
    assert desk.names() == ["model.safetensors"]


def test_a_wrong_size_is_no_error_where_the_hash_is_right(desk: Desk) -> None:
    assert not desk.fetch(desk.order(proof=Proof(sha256=desk.sha256, size=77))).mismatch


def test_a_wrong_size_is_one_where_nothing_else_decides(desk: Desk) -> None:
    with pytest.raises(SizeMismatch):
        desk.fetch(desk.order(proof=Proof(size=len(desk.content) + 1)))
    assert desk.names() == []


@pytest.mark.parametrize("fault", ["html_file", "json_file", "download_html", "html_200", "huge_body"])
@pytest.mark.parametrize("proved", [True, False])
def test_a_page_is_refused_by_its_content_whatever_the_status(desk: Desk, fault: str, proved: bool) -> None:
    desk.sandbox.faults.add(fault, times=None)
    proof = Proof(sha256=desk.sha256, size=len(desk.content)) if proved else Proof()
    with pytest.raises(NotAModel):
        desk.fetch(desk.order(proof=proof))
    assert desk.names() == []


@pytest.mark.parametrize("content", [b'{"error": "a node named so"}', b"<html>a page</html>", b"PK\x03\x04"])
def test_a_file_that_looks_like_a_page_is_one_when_its_hash_says_so(desk: Desk, content: bytes) -> None:
    file = desk.sandbox.world.add_file(desk.version, "workflow.json", content=content, type="Workflow")
    url = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId={file.id}"
    proof = Proof(sha256=file.body.digests["SHA256"])
    desk.fetch(desk.order(urls=(url,), proof=proof))
    assert desk.target.read_bytes() == content


def test_a_page_in_the_middle_does_not_cost_the_bytes_that_are_there(desk: Desk) -> None:
    desk.sandbox.faults.add("cut", at=AT)
    desk.sandbox.faults.add("html_file")
    fetched = desk.fetch()
    assert desk.ranges()[-1] == f"bytes={AT}-"
    assert fetched.size == len(desk.content)


# -- going on from an earlier run ---------------------------------------------------------------------------------


def begun(desk: Desk) -> None:
    """Leave a part of two million bytes behind, as an earlier run would."""
    desk.sandbox.faults.add("cut", at=AT)
    desk.sandbox.faults.add("storage_503", times=3)
    with pytest.raises(CivitaiKitError):
        desk.fetch()
    desk.sandbox.clear_requests()
    assert desk.names() == ["model.safetensors.part", "model.safetensors.part.json"]


def test_another_run_goes_on_from_the_part(desk: Desk) -> None:
    begun(desk)
    fetched = desk.fetch()
    assert desk.ranges() == [f"bytes={AT}-"]
    assert (fetched.resumed, fetched.received) == (AT, len(desk.content) - AT)
    assert desk.names() == ["model.safetensors"]


def test_a_part_whose_bytes_are_not_those_that_were_synced_is_begun_anew(desk: Desk) -> None:
    begun(desk)
    part = desk.target.with_name("model.safetensors.part")
    with part.open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    assert desk.fetch().resumed == 0
    assert desk.target.read_bytes() == desk.content


def test_a_part_of_another_promise_is_begun_anew(desk: Desk) -> None:
    begun(desk)
    assert desk.fetch(desk.order(proof=Proof(blake3=desk.file.body.digests["BLAKE3"]))).resumed == 0


def test_a_part_of_another_file_is_begun_anew(desk: Desk) -> None:
    begun(desk)
    other = desk.url.replace("fileId", "x=1&fileId")
    assert desk.fetch(desk.order(urls=(other,))).resumed == 0


def test_the_printed_url_goes_on_from_the_part_of_the_usual_one(desk: Desk) -> None:
    begun(desk)
    missing = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId=1"
    assert desk.fetch(desk.order(urls=(missing, desk.url))).resumed == AT


def test_a_changed_file_is_fetched_from_its_start(desk: Desk) -> None:
    begun(desk)
    desk.file = replace(desk.file, body=desk.file.body.altered())
    desk.sandbox.world.remove_file(desk.file.id)
    desk.sandbox.world.add_file(desk.version, "model.safetensors", content=desk.file.body, id=desk.file.id)
    fetched = desk.fetch(desk.order(proof=Proof(size=len(desk.content))), sleep=lambda _: None)
    assert fetched.resumed == 0
    assert desk.target.read_bytes() == desk.content


def test_a_whole_part_needs_no_request_at_all(desk: Desk) -> None:
    desk.fetch()
    desk.target.rename(desk.target.with_name("model.safetensors.part"))
    desk.sandbox.clear_requests()
    fetched = desk.fetch()
    assert (fetched.resumed, fetched.received) == (len(desk.content), 0)
    assert len(desk.sandbox.requests) == 0
    assert desk.names() == ["model.safetensors"]


def test_a_part_without_a_journal_that_is_not_right_is_begun_anew(desk: Desk) -> None:
    desk.fetch()
    part = desk.target.rename(desk.target.with_name("model.safetensors.part"))
    part.write_bytes(bytes(len(desk.content)))
    assert desk.fetch().resumed == 0


@pytest.mark.parametrize("journal", [b"", b"{}", b"\x00" * 40, b"[" * 50_000])
def test_a_journal_that_is_none_means_beginning_anew(desk: Desk, journal: bytes) -> None:
    begun(desk)
    desk.target.with_name("model.safetensors.part.json").write_bytes(journal)
    assert desk.fetch().resumed == 0
    assert desk.names() == ["model.safetensors"]


@pytest.mark.parametrize("odd", ['"\xe9"', '"a\r\nX-Injected: y"', '"a\x00b"', '"\u4e2d"'])
@pytest.mark.parametrize("connections", [1, 3])
def test_a_planted_validator_that_no_request_can_carry_costs_nothing(desk: Desk, odd: str, connections: int) -> None:
    begun(desk)
    journal = desk.target.with_name("model.safetensors.part.json")
    journal.write_text(json.dumps({**json.loads(journal.read_text().splitlines()[0]), "etag": odd, "modified": odd}))
    assert desk.fetch(desk.order(connections=connections)).resumed == AT
    assert desk.target.read_bytes() == desk.content
    assert not any("if-range" in record.headers for record in desk.sandbox.requests[:2])


def test_a_storage_whose_validator_no_request_can_carry_is_gone_on_from(desk: Desk) -> None:
    desk.sandbox.faults.add("odd_etag", times=None)
    desk.sandbox.faults.add("cut", times=2, at=AT)
    assert desk.fetch().received == len(desk.content)
    assert desk.target.read_bytes() == desk.content


# -- the disk -----------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_not_writable(desk: Desk) -> None:
    (desk.folder / "a folder").write_text("a file")
    with pytest.raises(NotWritable):
        desk.fetch()


def test_a_name_that_is_too_long_is_not_writable(desk: Desk) -> None:
    with pytest.raises(NotWritable):
        desk.fetch(desk.order(target=desk.folder / ("n" * 300)))


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_file_system_that_takes_no_file_of_this_size_is_not_a_full_disk_and_the_part_stays(
    desk_of: Callable[[int], Desk],
) -> None:
    import resource
    import signal

    desk = desk_of(9_000_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (AT, limits[1]))
    try:
        with pytest.raises(NotWritable, match="too large for this file system"):
            desk.fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not desk.target.exists()
    assert desk.fetch().size == 9_000_000


def test_two_fetchers_do_not_write_one_part(desk: Desk) -> None:
    import fcntl

    desk.target.parent.mkdir()
    with desk.target.with_name("model.safetensors.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NotWritable, match="another transfer"):
            desk.fetch()


# -- telling ------------------------------------------------------------------------------------------------------


def test_progress_is_told_at_most_ten_times_a_second_and_ends_with_all(desk: Desk) -> None:
    desk.sandbox.faults.add("throttle", rate=8_000_000)
    desk.fetch()
    assert 3 <= len(desk.moved) <= 9
    assert [event.done for event in desk.moved] == sorted(event.done for event in desk.moved)
    assert desk.moved[-1].done == desk.moved[-1].size == len(desk.content)


def test_the_rate_limit_holds_for_all_transfers_together(civitai_sandbox: Sandbox, desk: Desk) -> None:
    import threading
    import time

    began = time.monotonic()
    with desk.fetcher(limit_rate=16_000_000) as fetcher:
        orders = [desk.order(target=desk.folder / f"{number}.bin") for number in range(2)]
        threads = [threading.Thread(target=fetcher.fetch, args=(order, desk.events.append)) for order in orders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 0.5 < time.monotonic() - began < 2.5
