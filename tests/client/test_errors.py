"""Each way an answer can fail is one class with its parts filled in, on all three clients."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from operator import methodcaller
from typing import Any

import httpx2
import pytest

from civitai_kit import (
    BadQuery,
    CivitaiKitError,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    RegionBlocked,
    RetryRules,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)
from civitai_kit.testing import Sandbox
from tests.client.conftest import Asking

ENDPOINT = "/api/v1/models/5"
HTTPX = import_module("httpx")
LIBRARIES = (None, httpx2, HTTPX)
ONCE = RetryRules(max_retries=0)
SAID = {
    400: BadQuery,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    410: Gone,
    429: RateLimited,
    451: RegionBlocked,
}
PASSING, A_PROXYS = (408, 425, 499), 407


def kind_of(status: int) -> type[CivitaiKitError]:
    """The class that a status stands for."""
    if status in SAID:
        return SAID[status]
    return Unavailable if status >= 500 or status in (*PASSING, A_PROXYS) else UnexpectedReply


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def site(answer: Answer) -> Iterator[str]:
    """The URL of a site that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replying(status: int, body: bytes, **headers: str) -> Answer:
    """An answer with this body, whole."""
    return lambda handler: send(handler, status, body, {"Content-Length": str(len(body)), **headers})


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Write an answer."""
    handler.send_response(status, "said")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def error_of(asking: Asking, answer: Answer, **options: Any) -> Any:
    """What asking a site that answers so raises; the parts that every error has are looked at here."""
    errors: list[Any] = []
    with site(answer) as url:
        for library in (None, HTTPX):
            with pytest.raises(CivitaiKitError) as caught:
                asking.by(library).ask(lambda client: client.model(5), base_url=url, **{"retry": ONCE, **options})
            errors.append(caught.value)
    for error in errors:
        assert error.endpoint == ENDPOINT and error.message and error.hint
        assert str(error) == error.message and "<" not in error.message
    first, second = errors
    assert (type(first), first.status, first.code) == (type(second), second.status, second.code)
    return first


def test_every_status_is_its_class_with_what_the_site_said_by_any_library(asking: Asking) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        status = int(handler.path.rpartition("/")[2])
        replying(status, json.dumps({"error": f"so it is: {status}"}).encode(), Retry_After="7")(handler)

    with site(answer) as url:
        for status in range(400, 505):
            with pytest.raises(CivitaiKitError) as caught:
                asking.by(LIBRARIES[status % 3]).ask(methodcaller("model", status), base_url=url, retry=ONCE)
            error: Any = caught.value
            assert (type(error), error.status) == (kind_of(status), status)
            assert error.endpoint == f"/api/v1/models/{status}" and error.hint
            assert error.message == f"so it is: {status}" or status == A_PROXYS
            assert error.retry_after == (None if status in (401, A_PROXYS) else 7)


PAGE = b"<!doctype html><html><body>Bad gateway</body></html>"
GOOD = b'{"id": 5, "name": "five"}'


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        (replying(200, PAGE), UnexpectedReply, 200),
        (replying(502, PAGE), Unavailable, 502),
        (replying(404, PAGE), NotFound, 404),
        (replying(200, b'{"id": 5,'), UnexpectedReply, 200),
        (replying(200, b""), UnexpectedReply, 200),
        (replying(200, b'{"id": NaN}'), UnexpectedReply, 200),
        (replying(200, b"[]"), UnexpectedReply, 200),
        (replying(200, b"\xff\xfe\x00"), UnexpectedReply, 200),
        (replying(200, GOOD, Content_Encoding="gzip"), UnexpectedReply, 200),
        (replying(200, GOOD[:-3] + b"]", Content_Type="image/png"), UnexpectedReply, 200),
        (lambda handler: send(handler, 200, GOOD[:9], {"Content-Length": "25"}), Unavailable, None),
        (lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n") and None, Unavailable, None),
        (lambda handler: None, Unavailable, None),
    ],
    ids=[
        *("page", "page 502", "page 404", "broken", "empty", "nan", "list", "bytes", "no gzip", "wrong type", "cut"),
        *("no http", "nothing"),
    ],
)
def test_an_answer_that_is_none_is_its_class(
    asking: Asking, answer: Answer, kind: type[Exception], status: int | None
) -> None:
    error = error_of(asking, answer)
    assert (type(error), error.status) == (kind, status)


def test_json_under_a_wrong_content_type_is_read_all_the_same(asking: Asking) -> None:
    with site(replying(200, GOOD, Content_Type="text/plain")) as url:
        assert asking.ask(lambda client: client.model(5), base_url=url).name == "five"


@pytest.mark.parametrize("library", [None, HTTPX], ids=["own", "httpx"])
def test_a_name_that_nobody_knows_and_a_site_that_is_silent_are_network_errors(asking: Asking, library: Any) -> None:
    by = asking.by(library)
    with pytest.raises(Unavailable, match="no-such-host") as caught:
        by.ask(lambda client: client.model(5), base_url="http://no-such-host.invalid", retry=ONCE)
    unknown = caught.value
    assert (unknown.code, unknown.endpoint, unknown.status) == ("network", ENDPOINT, None) and unknown.hint
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unavailable, match="silent") as caught:
            by.ask(lambda client: client.model(5), base_url=url, retry=ONCE, timeout=0.1)
    assert (caught.value.code, caught.value.endpoint) == ("network", ENDPOINT) and caught.value.hint


CANCELLED = """
import gc, sys
import anyio, httpx
from civitai_kit import AsyncClient, Client, CivitaiKitError

url, kept = sys.argv[1], AsyncClient(base_url=sys.argv[1])

async def main(http):
    async with AsyncClient(base_url=url, http=http) as client:
        async with anyio.create_task_group() as tasks:
            for number in range(1001, 1009):
                tasks.start_soon(client.model, number)
            await anyio.sleep(0.1)
            tasks.cancel_scope.cancel()
        async for tag in client.tags(limit=1):
            break
        try:
            await client.model(987654)
        except CivitaiKitError:
            pass
    await kept.enums()
    if http is not None:
        await http.aclose()

for backend in ("asyncio", "trio"):
    for http in (None, httpx.AsyncClient()):
        anyio.run(main, http, backend=backend)
with Client(base_url=url) as client:
    next(client.tags(limit=1))
del kept
gc.collect()
"""


def test_cancelled_tasks_and_closed_loops_leave_no_warning_and_no_socket(civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("slow", times=None, delay=5.0, match="/models/100")
    command = [sys.executable, "-X", "dev", "-W", "default", "-c", CANCELLED, civitai_sandbox.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    # The development mode also tells of steps that take a tenth of a second, which a busy machine makes.
    said = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert (done.returncode, said) == (0, [])
