"""A crew: large files over TLS in processes beside this one, as if they were fetched here; none is left behind."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.client.pacing import Pace
from civitai_kit.core import errors
from civitai_kit.core.errors import CivitaiKitError, Code, HashMismatch, Interrupted
from civitai_kit.core.events import Event, FileMoved
from civitai_kit.core.frames import read_frame, write_frame
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.crew import Crew
from civitai_kit.transfer.pipe import Failed, portable
from civitai_kit.transfer.recipe import Recipe

SIZE = 3_000_001
KEY = "a-secret-key"
SCRIPT = Path(__file__).with_name("crew_of_three.py")

needs_tls = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
needs_proc = pytest.mark.skipif(
    not any(Path("/proc/self/task").glob("*/children")), reason="looks at processes in /proc"
)


def content_of(name: str) -> bytes:
    return hashlib.shake_128(name.encode()).digest(SIZE)


@dataclass
class Host:
    """A site and a storage host over TLS: what was asked of either, and the gate that held files wait for."""

    site: str = ""
    storage: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    too_fast: list[float] = field(default_factory=list)

    def asked_for(self, path: str) -> bool:
        return any(asked == path for asked, _ in self.asked)


def handler_of(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            host.asked.append((self.path, self.headers.get("Authorization")))
            if self.path.startswith("/stored"):
                self.give()
            elif host.too_fast and self.path.startswith("/fast"):
                self.answer(429, {"Retry-After": f"{host.too_fast.pop():g}"})
            else:
                self.answer(307, {"Location": f"{host.storage}/stored{self.path}"})

        def give(self) -> None:
            content = content_of(self.path.rsplit("/", 1)[1])
            self.answer(200, {}, len(content))
            self.wfile.write(content[: SIZE // 2])
            if "/held/" in self.path:
                host.opened.wait(20)
            self.wfile.write(content[SIZE // 2 :])

        def answer(self, status: int, headers: dict[str, str], length: int = 0) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()

    return Handler


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no news."""


@contextmanager
def serving(host: Host, certificate: Path) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), handler_of(host))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, str(certificate) + ".key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()


@pytest.fixture
def host(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Both hosts, trusted here and in the processes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    host = Host()
    with serving(host, certificate) as host.site, serving(host, certificate) as host.storage:
        yield host
        host.opened.set()


@pytest.fixture
def threads(host: Host) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads
        host.opened.set()


def recipe_for(host: Host) -> Recipe:
    return Recipe(
        site=host.site, api_key=KEY, user_agent="t/1", timeout=20, retries=RetryRules(max_retries=1, first_wait=0.001)
    )


def crew_for(host: Host, **parts: Any) -> Crew:
    return Crew(recipe_for(host), **{"least": 1_000_000, "most": 1, **parts})


def order_of(host: Host, folder: Path, path: str, **changes: Any) -> Order:
    name = path.rsplit("/", 1)[1]
    proof = Proof(sha256=hashlib.sha256(content_of(name)).hexdigest(), size=SIZE)
    parts: dict[str, Any] = {"key": name, "urls": (host.site + path,), "target": folder / name, "proof": proof}
    return Order(**{**parts, **changes})


def ignore(_: Event) -> None:
    """Listen to nothing."""


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until it is so; fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def processes(parent: int | None = None) -> list[int]:
    """The ids of a process's children that fetch for it."""
    parent = parent or os.getpid()
    found: list[int] = []
    for kept in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # A thread may end while its children are listed.
            found += [int(word) for word in kept.read_text().split()]
    return [child for child in found if "crewman" in Path(f"/proc/{child}/cmdline").read_text()]


def is_running(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def hold_one(host: Host, crew: Crew, threads: ThreadPoolExecutor, folder: Path) -> Future[Fetched]:
    """Have one transfer under way here, so that the next goes to a process."""
    held = threads.submit(crew.fetch, order_of(host, folder, "/held/here"), ignore)
    until(lambda: host.asked_for("/stored/held/here"))
    return held


@needs_tls
@needs_proc
def test_the_second_of_two_comes_right_by_a_process_and_its_events_in_order_and_in_our_thread(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    heard: list[tuple[Event, threading.Thread]] = []
    with crew_for(host) as crew:
        here = hold_one(host, crew, threads, tmp_path)
        assert not processes()
        order = order_of(host, tmp_path, "/quick/there")
        there = crew.fetch(order, lambda event: heard.append((event, threading.current_thread())))
        assert len(processes()) == 1
        host.opened.set()
        assert here.result().size == SIZE
    assert not processes()
    assert (tmp_path / "there").read_bytes() == content_of("there")
    assert (tmp_path / "here").read_bytes() == content_of("here")
    assert there == Fetched(path=tmp_path / "there", size=SIZE, digests=there.digests, received=SIZE, resumed=0)
    assert there.digests.sha256 == order.proof.sha256
    assert {thread for _, thread in heard} == {threading.current_thread()}
    moved = [event.done for event, _ in heard if isinstance(event, FileMoved)]
    assert moved == sorted(moved)
    assert moved[-1] == SIZE


@needs_tls
def test_many_at_once_come_right_over_a_few_processes(host: Host, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    with crew_for(host, most=2) as crew:
        orders = [order_of(host, tmp_path, f"/held/{number}") for number in range(8)]
        under_way = [threads.submit(crew.fetch, order, ignore) for order in orders]
        until(lambda: sum(path.startswith("/stored") for path, _ in host.asked) == 8)
        host.opened.set()
        assert all(transfer.result().size == SIZE for transfer in under_way)
    assert all((tmp_path / str(number)).read_bytes() == content_of(str(number)) for number in range(8))


@needs_tls
def test_a_process_shows_the_key_to_the_site_alone(host: Host, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    with crew_for(host) as crew:
        hold_one(host, crew, threads, tmp_path)
        crew.fetch(order_of(host, tmp_path, "/quick/there"), ignore)
        host.opened.set()
    said = dict(host.asked)
    assert said["/quick/there"] == f"Bearer {KEY}"
    assert said["/stored/quick/there"] is None


@needs_tls
@needs_proc
def test_the_key_shows_neither_among_the_words_of_a_process_nor_in_its_environment(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with crew_for(host) as crew:
        hold_one(host, crew, threads, tmp_path)
        crew.fetch(order_of(host, tmp_path, "/quick/there"), ignore)
        (process,) = processes()
        for name in ("cmdline", "environ"):
            assert KEY.encode() not in Path(f"/proc/{process}/{name}").read_bytes()
        host.opened.set()
    assert KEY not in repr(recipe_for(host))


@needs_tls
def test_a_wrong_hash_arrives_as_what_it_is(host: Host, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    wrong = Proof(sha256="0" * 64, size=SIZE)
    with crew_for(host) as crew:
        hold_one(host, crew, threads, tmp_path)
        with pytest.raises(HashMismatch) as caught:
            crew.fetch(order_of(host, tmp_path, "/quick/there", proof=wrong), ignore)
        host.opened.set()
    assert caught.value.code is Code.HASH_MISMATCH
    assert "allow-hash-mismatch" in str(caught.value.hint)
    assert not (tmp_path / "there").exists()


@needs_tls
def test_a_pause_that_the_site_asks_of_a_process_is_kept_here_too(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    host.too_fast.append(1.0)
    pace = Pace()
    with crew_for(host, pace=pace) as crew:
        hold_one(host, crew, threads, tmp_path)
        there = threads.submit(crew.fetch, order_of(host, tmp_path, "/fast/there"), ignore)
        until(lambda: pace.held() > 0)
        assert pace.held() > 0.5
        host.opened.set()
        assert there.result().size == SIZE


@needs_tls
def test_a_pause_that_the_site_asks_here_is_kept_by_a_process(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    pace = Pace()
    with crew_for(host, pace=pace) as crew:
        hold_one(host, crew, threads, tmp_path)
        crew.fetch(order_of(host, tmp_path, "/quick/before"), ignore)
        pace.hold(0.6)
        began = time.monotonic()
        crew.fetch(order_of(host, tmp_path, "/quick/after"), ignore)
        assert time.monotonic() - began > 0.55
        host.opened.set()


@needs_tls
@needs_proc
def test_a_stop_ends_every_transfer_within_three_seconds_and_keeps_the_parts(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    stop = threading.Event()
    with crew_for(host, stop=stop, most=2) as crew:
        orders = [order_of(host, tmp_path, f"/held/{number}") for number in range(5)]
        under_way = [threads.submit(crew.fetch, order, ignore) for order in orders]
        until(lambda: sum(path.startswith("/stored") for path, _ in host.asked) == 5)
        until(lambda: all((tmp_path / f"{n}.part").stat().st_size >= SIZE // 2 - 1_100_000 for n in range(5)))
        stop.set()
        began = time.monotonic()
        for transfer in under_way:
            with pytest.raises(Interrupted):
                transfer.result()
        assert time.monotonic() - began < 3
    assert not processes()
    assert all((tmp_path / f"{number}.part").stat().st_size for number in range(5))


@needs_tls
@needs_proc
def test_a_process_that_hangs_does_not_keep_a_stop_waiting(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    stop = threading.Event()
    with crew_for(host, stop=stop) as crew:
        hold_one(host, crew, threads, tmp_path)
        there = threads.submit(crew.fetch, order_of(host, tmp_path, "/held/there"), ignore)
        until(lambda: host.asked_for("/stored/held/there"))
        os.kill(processes()[0], signal.SIGSTOP)
        stop.set()
        began = time.monotonic()
        with pytest.raises(Interrupted):
            there.result()
    assert not processes()
    assert time.monotonic() - began < 3


@needs_tls
@needs_proc
def test_what_a_killed_process_fetched_is_finished_here_and_no_other_is_started(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    lines: list[str] = []
    with crew_for(host, log=lines.append) as crew:
        hold_one(host, crew, threads, tmp_path)
        there = threads.submit(crew.fetch, order_of(host, tmp_path, "/held/there"), ignore)
        until(lambda: host.asked_for("/stored/held/there"))
        os.kill(processes()[0], signal.SIGKILL)
        until(lambda: lines)
        host.opened.set()
        assert there.result().size == SIZE
        host.opened.clear()
        more = [threads.submit(crew.fetch, order_of(host, tmp_path, f"/held/{n}"), ignore) for n in range(2)]
        until(lambda: host.asked_for("/stored/held/1"))
        assert not processes()
        host.opened.set()
        assert all(transfer.result().size == SIZE for transfer in more)
    assert (tmp_path / "there").read_bytes() == content_of("there")


@needs_tls
@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_no_process_outlives_its_parent(host: Host, tmp_path: Path, number: signal.Signals) -> None:
    words = [sys.executable, str(SCRIPT), json.dumps([host.site, str(tmp_path), SIZE])]
    where = {"cwd": SCRIPT.parents[2], "env": {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True, **where) as parent:  # type: ignore[call-overload]
        assert parent.stdout.readline() == "under way\n"
        crew = processes(parent.pid)
        assert len(crew) == 2
        if number is signal.SIGKILL:
            parent.kill()
        else:
            os.killpg(parent.pid, number)  # As a terminal does: every process of the group gets it.
        said = parent.stdout.read()
        assert (said, parent.wait()) == (("", -signal.SIGKILL) if number is signal.SIGKILL else ("interrupted\n", 0))
    until(lambda: not any(is_running(process) for process in crew), 3.0)
    assert sorted(path.name for path in tmp_path.glob("*.part")) == ["0.part", "1.part", "2.part"]


@needs_tls
@needs_proc
@pytest.mark.parametrize(
    ("parts", "changes"),
    [
        ({}, {"content": Content.IMAGE}),
        ({}, {"proof": Proof()}),
        ({"least": SIZE + 1}, {}),
        ({"limit_rate": 10**9}, {}),
        ({"most": 0}, {}),
    ],
    ids=["a picture", "of unknown size", "a small one", "under limit_rate", "where none may be started"],
)
def test_no_process_is_started_for(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path, parts: dict[str, Any], changes: dict[str, Any]
) -> None:
    with crew_for(host, **parts) as crew:
        hold_one(host, crew, threads, tmp_path)
        second = threads.submit(crew.fetch, order_of(host, tmp_path, "/held/second", **changes), ignore)
        until(lambda: host.asked_for("/stored/held/second"))
        assert not processes()
        host.opened.set()
        second.exception()


@needs_tls
@needs_proc
def test_one_after_the_other_needs_no_process(host: Host, tmp_path: Path) -> None:
    with crew_for(host) as crew:
        for number in range(2):
            crew.fetch(order_of(host, tmp_path, f"/quick/{number}"), ignore)
            assert not processes()


@needs_tls
def test_a_listener_that_breaks_off_is_heard_and_the_same_file_can_be_fetched_again_at_once(
    host: Host, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def refuse(_: Event) -> None:
        raise LookupError("enough")

    with crew_for(host) as crew:
        hold_one(host, crew, threads, tmp_path)
        with pytest.raises(LookupError, match="enough"):
            crew.fetch(order_of(host, tmp_path, "/quick/there"), refuse)
        assert crew.fetch(order_of(host, tmp_path, "/quick/there"), ignore).size == SIZE
        host.opened.set()


def crossed(error: Exception) -> Exception:
    """What comes out of the pipe."""
    pipe = io.BytesIO()
    write_frame(pipe, Failed(1, portable(error)))
    pipe.seek(0)
    report = read_frame(pipe)
    assert isinstance(report, Failed)
    return report.error


def every_class(root: type[CivitaiKitError] = CivitaiKitError) -> Iterator[type[CivitaiKitError]]:
    yield root
    for kind in root.__subclasses__():
        yield from every_class(kind)


@pytest.mark.parametrize("kind", sorted(set(every_class()), key=str))
def test_every_error_of_ours_crosses_whole(kind: type[CivitaiKitError]) -> None:
    parts: dict[str, Any] = {"code": Code.QUOTA_EXCEEDED, "hint": "h", "model_id": 1, "version_id": 2, "file_id": 3}
    parts["path"] = "a/b"
    if issubclass(kind, errors.SiteError):
        parts |= {"status": 429, "endpoint": "/e"}
    if issubclass(kind, errors.RateLimited):
        parts["retry_after"] = 3.5
    if issubclass(kind, errors.Forbidden):
        parts["deadline"] = "2030-01-01"
    error = kind("what", **parts)
    error.add_note("a note")
    came = crossed(error)
    assert type(came) is kind
    assert str(came) == "what"
    assert vars(came) == vars(error)
    assert vars(came) == {"message": "what", **parts, "__notes__": ["a note"]}


def test_an_unforeseen_error_crosses_as_what_it_is_with_a_note_of_where_it_happened() -> None:
    came = crossed(ValueError("what", 7))
    assert type(came) is ValueError
    assert came.args == ("what", 7)
    assert "ValueError" in came.__notes__[0]


class OddError(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def test_an_error_that_cannot_cross_does_so_as_its_text() -> None:
    came = crossed(OddError("this", "that"))
    assert isinstance(came, CivitaiKitError)
    assert came.message == "OddError: this and that"


def test_something_printed_is_no_frame() -> None:
    with pytest.raises(ValueError):
        read_frame(io.BytesIO(b"a warning that somebody printed"))


def test_a_frame_cut_short_is_the_end() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, "value")
    assert read_frame(io.BytesIO(pipe.getvalue()[:-1])) is None
    assert read_frame(io.BytesIO(b"")) is None
