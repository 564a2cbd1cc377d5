"""What nobody foresaw: one sentence, exit 1, and the traceback where it was asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Branch, Command
from civitai_kit.cli.main import COMMANDS
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def broken(call: Call) -> Outcome:
    """A command with a mistake in it."""
    call.load()
    raise ZeroDivisionError("by zero\nwith a key: k3y-of-mine and ?token=abc")


@pytest.fixture(autouse=True)
def broken_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command among the others."""
    module = ModuleType("broken_command")
    module.COMMAND = Command(broken)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "broken_command", module)
    monkeypatch.setitem(COMMANDS, "break", Branch("break", "broken_command:COMMAND"))


def test_it_is_one_sentence_and_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_API_KEY", "k3y-of-mine")
    said = run("break")
    assert said.code == 1 and "Traceback" not in said.err and "k3y-of-mine" not in said.err
    assert said.err.splitlines()[0].startswith("error: Something unforeseen happened: ZeroDivisionError: by zero with")
    (row,) = run("break", "--json").document["errors"]
    assert row["code"] == "unforeseen" and "--log-level debug" in row["hint"] and "abc" not in row["message"]


def test_debugging_logs_where_it_arose(run: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_API_KEY", "k3y-of-mine")
    said = run("break", "--log-level", "debug", "--log-file", "log.txt", "--json")
    log = (empty_home / "log.txt").read_text(encoding="utf-8")
    assert said.document["errors"][0]["hint"] == f"The traceback is in {empty_home / 'log.txt'}."
    assert "Traceback" in log and "test_unforeseen.py" in log and "k3y-of-mine" not in log


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_has_the_form_that_is_asked_for(form: str, run: Run, empty_home: Path) -> None:
    import json

    run("break", "--log-level", "debug", "--log-file", "log.txt", "--log-format", form, "--quiet")
    lines = (empty_home / "log.txt").read_text(encoding="utf-8").splitlines()
    if form == "json":
        rows = [json.loads(line) for line in lines]
        assert rows[0]["level"] == "debug" and "ZeroDivisionError" in rows[0]["exception"] and rows[0]["timestamp"]
    else:
        assert "[debug" in lines[0] and "unforeseen" in lines[0]
