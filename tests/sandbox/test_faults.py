"""Every fault of the table strikes as its row says, counts down, and is over."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import httpx2
import pytest

from civitai_kit.sandbox.faults import parse_fault
from civitai_kit.testing import FAULTS, FaultBox, Sandbox

MODELS = "/api/v1/models?limit=2"
FILE = "/api/download/models/100101"
SIZE = 40_000
RANGE = {"Range": "bytes=100-", "If-Range": "Thu, 01 Jan 2026 00:00:00 GMT"}
QUICK: dict[str, dict[str, Any]] = {"huge_body": {"size": 1_000_000}, "deep_json": {"levels": 2000}}
DELAY = 0.15
SLOW: dict[str, dict[str, Any]] = {
    "slow": {"delay": DELAY},
    "slow_body": {"delay": DELAY},
    "slow_start": {"delay": DELAY},
    "stall": {"at": 500, "seconds": DELAY},
    "throttle": {"rate": 200_000},
}


def fetch(client: httpx2.Client, url: str, **headers: str) -> tuple[Any, ...]:
    """All that can be seen of an answer: status, headers that matter, bytes, and how it ended."""
    try:
        with client.stream("GET", url, headers=headers, follow_redirects=False) as reply:
            seen: list[Any] = [reply.status_code, *map(reply.headers.get, ("content-length", "etag", "content-range"))]
            body = b""
            try:
                for chunk in reply.iter_raw():
                    body += chunk
            except httpx2.TransportError as error:
                seen.append(type(error).__name__)
    except httpx2.TransportError as error:
        return (type(error).__name__,)
    return (*seen, hashlib.sha256(body).hexdigest())


def client_for(url: str, member: httpx2.Client) -> httpx2.Client:
    """The member for the site, somebody without a key for signed URLs."""
    return httpx2.Client(verify=False, timeout=5) if url.startswith("http") else member


def subject(name: str, member: httpx2.Client) -> tuple[str, dict[str, str]]:
    """What to ask for so that a fault can strike: its URL and headers."""
    if FAULTS[name].where == "site":
        return MODELS, {}
    if FAULTS[name].where == "download":
        return FILE, {}
    return member.get(FILE).headers["location"], RANGE


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_fault_changes_nothing_but_the_time(name: str, member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    url, headers = subject(name, member)
    before = fetch(client_for(url, member), url, **headers)
    civitai_sandbox.faults.add(name, **SLOW[name])
    began = time.monotonic()
    assert fetch(client_for(url, member), url, **headers) == before
    assert time.monotonic() - began >= DELAY


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - SLOW.keys()))
def test_a_fault_strikes_once_and_is_over(name: str, member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    url, headers = subject(name, member)
    plain = client_for(url, member)
    before = fetch(plain, url, **headers)
    civitai_sandbox.faults.add(name, **QUICK.get(name, {}))
    struck = fetch(plain, url, **headers)
    civitai_sandbox.faults.clear()
    assert struck != before
    if FAULTS[name].where != "download":
        assert fetch(plain, url, **headers) == before


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_one_sentence(name: str) -> None:
    assert FAULTS[name].name == name
    assert FAULTS[name].sentence.endswith(".") and ". " not in FAULTS[name].sentence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rate_limited", (429, "1", "application/json")),
        ("rate_limited_bare", (429, None, "text/html")),
        ("overloaded", (503, "2", "application/json")),
        ("server_error", (500, None, "application/json")),
        ("bad_gateway", (502, None, "text/html")),
        ("gateway_timeout", (524, None, "text/html")),
        ("cloudflare_403", (403, None, "text/html")),
        ("no_endpoint", (404, None, "text/html")),
        ("html_200", (200, None, "text/html")),
        ("empty_499", (499, None, None)),
        ("region_blocked", (451, None, "application/json")),
        ("quota", (429, None, "application/json")),
        ("download_404", (404, None, "application/json")),
    ],
)
def test_refusals_have_their_status_type_and_wait(
    member: httpx2.Client, civitai_sandbox: Sandbox, name: str, expected: tuple[int, str | None, str | None]
) -> None:
    status, retry_after, kind = expected
    civitai_sandbox.faults.add(name)
    reply = member.get(subject(name, member)[0] if FAULTS[name].where == "site" else FILE)
    assert (reply.status_code, reply.headers.get("retry-after")) == (status, retry_after)
    assert (reply.headers.get("content-type") or "none").startswith(kind or "none")


def test_faults_count_down_and_choose_by_path(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("server_error", times=2, match="limit=2")
    assert member.get("/api/v1/models?limit=1").status_code == 200
    assert [member.get(MODELS).status_code for _ in range(3)] == [500, 500, 200]
    assert civitai_sandbox.faults.pending() == []


def test_a_fault_can_stay_for_ever(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("overloaded", times=None, retry_after=7)
    assert [member.get(MODELS).headers["retry-after"] for _ in range(3)] == ["7"] * 3


def test_faults_of_one_body_join_and_a_replacing_one_comes_alone() -> None:
    box = FaultBox()
    box.add("cut", at=1)
    box.add("cut", at=2)
    box.add("changed")
    box.add("expired")
    taken = [[(each.name, each.params.get("at")) for each in box.take("storage", "/x")] for _ in range(3)]
    assert taken == [[("cut", 1), ("changed", None)], [("cut", 2)], [("expired", None)]]


def test_an_unknown_fault_or_parameter_is_refused() -> None:
    box = FaultBox()
    with pytest.raises(ValueError, match="there is no fault 'nope'"):
        box.add("nope")
    with pytest.raises(ValueError, match="not \\['bytes'\\]"):
        box.add("cut", bytes=1)


def test_a_fault_is_written_as_words() -> None:
    assert parse_fault("cut") == ("cut", 1, {})
    assert parse_fault("cut:3:at=5000") == ("cut", 3, {"at": 5000})
    assert parse_fault("slow:*:delay=0.5") == ("slow", None, {"delay": 0.5})


def test_faults_can_be_added_over_http(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    added = site.post("/_sandbox/faults", json={"name": "cut", "times": 2, "match": "/x", "at": 9})
    assert added.json() == [{"name": "cut", "left": 2, "match": "/x", "params": {"at": 9}}]
    assert site.post("/_sandbox/faults", json={"name": "nope"}).status_code == 400
    assert site.delete("/_sandbox/faults").json() == []
    assert site.get("/_sandbox/requests").json() == []


# -- what downloads meet --------------------------------------------------------------------------------------


@pytest.fixture
def url(member: httpx2.Client) -> str:
    """A signed URL of a file of 40,000 bytes."""
    location: str = member.get(FILE).headers["location"]
    return location


def body_until_the_end(url: str, **headers: str) -> bytes:
    """The bytes that came before the connection ended, however it did."""
    got = b""
    try:
        with httpx2.stream("GET", url, headers=headers, verify=False, timeout=5) as reply:
            for chunk in reply.iter_raw():
                got += chunk
    except httpx2.RemoteProtocolError:
        pass
    return got


def test_a_cut_body_is_the_right_beginning(url: str, civitai_sandbox: Sandbox) -> None:
    whole = body_until_the_end(url)
    civitai_sandbox.faults.add("cut", at=12_345)
    assert body_until_the_end(url) == whole[:12_345]
    civitai_sandbox.faults.add("cut", at=10)
    assert body_until_the_end(url, Range="bytes=100-") == whole[100:110]


def test_changed_content_has_another_etag_so_that_a_condition_gives_all_of_it(
    url: str, civitai_sandbox: Sandbox
) -> None:
    etag = httpx2.head(url, verify=False).headers["etag"]
    civitai_sandbox.faults.add("changed")
    reply = httpx2.get(url, headers={"Range": "bytes=10-", "If-Range": etag}, verify=False)
    assert (reply.status_code, len(reply.content)) == (200, SIZE)
    assert reply.content != httpx2.get(url, verify=False).content


def test_wrong_bytes_come_under_the_right_etag_and_with_the_right_header(url: str, civitai_sandbox: Sandbox) -> None:
    right = httpx2.get(url, verify=False)
    civitai_sandbox.faults.add("wrong_bytes")
    wrong = httpx2.get(url, verify=False)
    assert wrong.headers["etag"] == right.headers["etag"] and len(wrong.content) == len(right.content)
    assert wrong.content != right.content and wrong.content[:100] == right.content[:100]


def test_a_chunked_body_is_whole_and_has_no_length(url: str, civitai_sandbox: Sandbox) -> None:
    right = httpx2.get(url, verify=False).content
    civitai_sandbox.faults.add("no_content_length")
    reply = httpx2.get(url, verify=False)
    assert reply.content == right and "content-length" not in reply.headers


def test_a_chain_of_redirects_ends_at_the_file(url: str, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("redirect_chain", hops=3)
    reply = httpx2.get(url, verify=False, follow_redirects=True)
    assert len(reply.history) == 3 and len(reply.content) == SIZE


def test_a_throttled_body_takes_its_time(url: str, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("throttle", rate=160_000)
    began = time.monotonic()
    assert len(httpx2.get(url, verify=False).content) == SIZE
    assert 0.2 < time.monotonic() - began < 1


def test_the_sandbox_ends_at_once_also_while_a_body_stalls() -> None:
    from civitai_kit.testing import sandbox

    with sandbox() as served:
        served.world.downloads_need_key = False
        location = httpx2.get(f"{served.url}{FILE}", verify=False, headers={"User-Agent": "t/1"}).headers["location"]
        served.faults.add("stall", at=10, seconds=60)
        client = httpx2.Client(verify=False)
        stalled = client.send(client.build_request("GET", location), stream=True)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    stalled.close()


# -- what listings meet ---------------------------------------------------------------------------------------


def test_a_cursor_can_lead_back_to_its_own_page(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    cursor = member.get(MODELS).json()["metadata"]["nextCursor"]
    civitai_sandbox.faults.add("cursor_cycle", times=None)
    again = member.get(MODELS, params={"limit": 2, "cursor": cursor}).json()
    assert again["metadata"]["nextCursor"] == cursor and again["items"]


def test_a_page_can_lose_its_items_and_keep_its_cursor(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    right = member.get(MODELS).json()
    civitai_sandbox.faults.add("empty_page")
    assert member.get(MODELS).json() == {"items": [], "metadata": right["metadata"]}


@pytest.mark.parametrize("name", ["truncated_json", "broken_json"])
def test_json_that_cannot_be_read(member: httpx2.Client, civitai_sandbox: Sandbox, name: str) -> None:
    civitai_sandbox.faults.add(name)
    reply = member.get(MODELS)
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_the_key_does_not_follow_a_redirect_to_another_host(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("foreign_redirect")
    member.get(MODELS, follow_redirects=True)
    foreign = [record for record in civitai_sandbox.requests if record.host == "storage"]
    assert len(foreign) == 1 and "authorization" not in foreign[0].headers
