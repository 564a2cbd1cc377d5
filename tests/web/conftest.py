"""A server of ours on a real socket, over the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp

from civitai_kit.core.settings.layers import Layer
from civitai_kit.kit.live import download_queue
from civitai_kit.kit.parts import open_kit
from civitai_kit.kit.settings import load_settings
from civitai_kit.kit.shared_store import SharedStore
from civitai_kit.testing import Sandbox
from civitai_kit.web.app import make_app
from civitai_kit.web.parts import web_parts
from civitai_kit.web.patience import SECONDS, UNREAD_SECONDS
from civitai_kit.web.running import listen, running

TOKEN = "a-token-for-the-tests"


@dataclass
class Server:
    """A server of ours and a way to ask it with its token."""

    url: str
    folder: Path

    def ask(self, method: str, path: str, *, token: str | None = TOKEN, **parts: Any) -> httpx2.Response:
        """One request."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **parts.pop("headers", {})}
        return httpx2.request(method, self.url + path, headers=headers, timeout=20, **parts)


@dataclass
class Process(Server):
    """The same as a process, `civitai-kit serve`, with what it said at its start."""

    process: subprocess.Popen[str]
    greeting: dict[str, Any]


Serve = Callable[..., Server]
Start = Callable[..., Process]


@contextmanager
def served(
    home: Path,
    *,
    with_files: bool = False,
    patience: float = SECONDS,
    unread: float = UNREAD_SECONDS,
    port: int = 0,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    origins: tuple[str, ...] = (),
    **settings: Any,
) -> Iterator[Server]:
    """A server in this process over the save path `downloads` in a folder, with some settings.

    `around` puts something before the application.
    """
    values = {"api_delay_ms": 0, "max_retries": 0, "save_path": str(home / "downloads")}
    values |= {"serve.allow_origins": origins, **settings}
    loaded = load_settings(Layer("flags", values), config=None, env={}, cwd=home, user=home / "none.toml")
    with open_kit(loaded, _unheard, writing=False, command="serve") as kit, listen("127.0.0.1", port) as listener:
        shared = SharedStore(kit.ground)
        queue = download_queue(loaded, shared)
        parts = web_parts(kit, queue, shared, token=TOKEN, with_files=with_files, log=_unheard, told=_unheard)
        app = around(make_app(parts))
        with closing(shared), running(app, listener, patience=patience, unread=unread), closing(queue):
            yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", home / "downloads")


@pytest.fixture
def serve(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Serve]:
    """Serve from this process, over a fresh save path, with some settings; it is stopped at the end."""
    with ExitStack() as stack:

        def start(**words: Any) -> Server:
            site = {"api_url": civitai_sandbox.url, "api_key": civitai_sandbox.api_key}
            return stack.enter_context(served(tmp_path, **{**site, **words}))

        yield start


@pytest.fixture
def start(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Start]:
    """Start `civitai-kit serve` with some words; it is stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-m", "civitai_kit", "serve", "--port", "0", "--json", *words],
            env=environment(civitai_sandbox, tmp_path),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        return Process(said["data"]["url"], tmp_path / "downloads", process, said)

    yield begin
    for process in started:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def _unheard(event: object) -> None:
    """What the server logs is not looked at here."""


def environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """Nothing of this machine's settings, and the sandbox as the site."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CIVITAI", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "conf"),
        "CIVITAI_KIT_API_URL": sandbox.url,
        "CIVITAI_KIT_API_DELAY_MS": "0",
        "CIVITAI_API_KEY": sandbox.api_key,
    }
