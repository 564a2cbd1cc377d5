"""Commands run in this process, in an empty folder, with nothing of this machine's settings around them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from civitai_kit.cli.main import main
from civitai_kit.testing import Sandbox
from tests.program import Program

if TYPE_CHECKING:
    from pictures.terminal import Terminal


@dataclass(frozen=True)
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object of stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        found = json.loads(lines[0])
        assert isinstance(found, dict) and set(found) == {"schema", "command", "exit_code", "data", "errors"}
        assert found["exit_code"] == self.code
        return found

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the JSON object."""
        found = self.document["data"]
        assert isinstance(found, dict)
        return found


Run = Callable[..., Ran]
AtTerminal = Callable[..., "Terminal"]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, whose `home` is the home folder; no variable of ours is set."""
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    for name in [name for name in os.environ if name.startswith(("CIVITAI", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "conf"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def run(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line; `run("config", "show")`."""

    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = main([*words])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def at_sandbox(run: Run, civitai_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command line against the sandbox, with its key and without polite pauses."""
    monkeypatch.setenv("CIVITAI_API_KEY", civitai_sandbox.api_key)
    monkeypatch.setenv("CIVITAI_KIT_API_URL", civitai_sandbox.url)
    monkeypatch.setenv("CIVITAI_KIT_API_DELAY_MS", "0")
    monkeypatch.setenv("CIVITAI_KIT_RETRY_DELAY_MS", "1")
    return run


@pytest.fixture
def at_terminal(empty_home: Path, civitai_sandbox: Sandbox, program: Program) -> Iterator[AtTerminal]:
    """Start a command line in a terminal, against the sandbox."""
    terminals = pytest.importorskip("pictures.terminal", reason="pseudo-terminals are POSIX's")
    env = {
        **os.environ,
        "TERM": "xterm-256color",
        "CIVITAI_API_KEY": civitai_sandbox.api_key,
        "CIVITAI_KIT_API_URL": civitai_sandbox.url,
        "CIVITAI_KIT_API_DELAY_MS": "0",
    }
    env.pop("COLUMNS", None)
    opened: list[Terminal] = []

    def start(*words: str) -> Terminal:
        opened.append(terminals.Terminal(words, empty_home, env, start=program.start_at))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()
