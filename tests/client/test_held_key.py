"""The key is held back until a site that is not Civitai's says what it is; a server of ours never sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from civitai_kit import Client
from civitai_kit.core.errors import UsageError
from tests.client.conftest import SWIFT, Asking
from tests.client.test_clients import http_of
from tests.raw_host import Answer, RawHost, whole

KEY = "key-of-mine-0123"
OURS = whole(b'{"status": "ok", "service": "civitai-kit"}')
MODEL = whole(b'{"id": 7}')

Host = Callable[[Answer], RawHost]


@pytest.fixture
def host() -> Iterator[Host]:
    """Starts a host that answers as it is told."""
    with ExitStack() as stack:

        def start(answer: Answer) -> RawHost:
            started = RawHost(answer)
            stack.callback(started.close)
            return started

        yield start


def saying(health: Iterable[bytes]) -> Answer:
    """What answers `/healthz` so, and everything else with a model."""
    return lambda head: health if head.startswith("GET /healthz ") else [MODEL]


def paths(asked: RawHost) -> list[str]:
    return [head.split(" ")[1] for head in asked.heads]


def with_key(asked: RawHost) -> list[str]:
    """The paths that were asked with the key."""
    return [head.split(" ")[1] for head in asked.heads if KEY in head]


@pytest.mark.parametrize("carried", [False, True])
def test_a_server_of_ours_never_sees_the_key(asking: Asking, host: Host, carried: bool) -> None:
    box = host(saying([OURS]))
    options: dict[str, Any] = {"api_key": None if carried else KEY, "base_url": box.url}
    if carried:
        options["http"] = http_of(asking.way, headers={"Authorization": f"Bearer {KEY}"})
    assert asking.ask(lambda client: client.model(7), **options).id == 7
    assert paths(box) == ["/healthz", "/api/v1/models/7"] and not with_key(box)


@pytest.mark.parametrize(
    "health",
    [
        [],
        [b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\ncut"],
        [whole(b"<html>civitai-kit</html>", "Content-Type: text/html")],
        [whole(b'{"service": "civitai-kit"}', status=500)],
        [whole(b'{"status": "ok"}')],
        [whole(b'["service", "civitai-kit"]')],
        [whole(b"", "Location: /else", status=302)],
    ],
)
def test_what_is_no_server_of_ours_is_a_site_like_any_other(asking: Asking, host: Host, health: list[bytes]) -> None:
    site = host(saying(health))
    asking.ask(lambda client: client.model(7), KEY, base_url=site.url)
    assert paths(site) == ["/healthz", "/api/v1/models/7"]
    assert with_key(site) == ["/api/v1/models/7"]


def test_a_site_is_asked_once_for_all_threads_and_never_without_a_key(host: Host) -> None:
    box = host(saying([OURS]))
    with Client(KEY, base_url=box.url) as client, ThreadPoolExecutor(8) as pool:
        assert {found.id for found in pool.map(client.model, [7] * 16)} == {7}
    assert paths(box).count("/healthz") == 1 and not with_key(box)
    with Client(base_url=box.url) as client:
        client.model(7)
    assert paths(box).count("/healthz") == 1


@pytest.mark.parametrize("site", ["https://civitai.com", "https://www.civitai.red", "https://civitai.com.example"])
def test_civitai_itself_is_not_asked_what_it_is(site: str) -> None:
    asked: list[tuple[str, bool]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.url.path, KEY in str(request.headers.raw)))
        return httpx2.Response(200, json={"id": 7})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    with Client(KEY, base_url=site, http=http) as client:
        client.model(7)
    who = [] if "example" not in site else [("/healthz", False)]
    assert asked == [*who, ("/api/v1/models/7", True)]


def test_a_key_that_an_http_client_carries_does_not_travel_in_clear_either() -> None:
    http = httpx2.Client(headers={"Authorization": f"Bearer {KEY}"})
    with pytest.raises(UsageError, match="in clear") as caught:
        Client(base_url="http://box.example:8765", http=http)
    assert "a mirror needs none" in str(caught.value.hint)


def test_a_file_comes_from_a_server_of_ours_without_the_key(host: Host, tmp_path: Path) -> None:
    version = b'{"id": 5, "files": [{"id": 6, "name": "a.bin", "sizeKB": 0.0048828125, "downloadUrl": "/x"}]}'
    answers = {"/healthz": OURS, "/api/v1/model-versions/5": whole(version)}
    box = host(lambda head: [answers.get(head.split(" ")[1], whole(b"bytes"))])
    with Client(KEY, base_url=box.url, retry=SWIFT) as client:  # this host closes each connection unannounced
        assert client.download(5, tmp_path / "a.bin").size == 5
    assert paths(box)[-1].startswith("/api/download/models/5") and not with_key(box)
