"""What a person sees at a terminal: the display, the question, and a cursor that is there afterwards."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import AtTerminal

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def test_a_download_asks_shows_its_progress_and_gives_the_cursor_back(
    at_terminal: AtTerminal, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.faults.add("throttle", None, rate=20_000)
    terminal = at_terminal("download", "1001", "1039", "--ignore-filename", "model_1039")
    terminal.until("[y/N] ")
    terminal.type("y\n")
    terminal.until("B/s")
    assert terminal.finish() == 0
    assert "plain_line_0.safetensors" in terminal.seen and " of 1 file" in terminal.seen
    assert terminal.seen.rfind(SHOW) > terminal.seen.rfind(HIDE)
    assert terminal.seen.rstrip().endswith("Downloaded 1 file, 40 kB.") and terminal.seen.count("Skipped") == 1


def test_ctrl_c_at_the_question_ends_at_once(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal("download", "1001")
    terminal.until("[y/N] ")
    begun = time.monotonic()
    terminal.type("\x03")
    assert terminal.finish() == 130 and time.monotonic() - begun < 1.5
    assert "Stopped" in terminal.seen and not (empty_home / "downloads").exists()


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_ctrl_c_gives_the_cursor_back(times: int, at_terminal: AtTerminal, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("throttle", None, rate=2_000)
    terminal = at_terminal("download", "1001", "--yes")
    terminal.until("B/s")
    for _ in range(times):
        terminal.type("\x03")
    assert terminal.finish() == 130 and "Traceback" not in terminal.seen
    assert terminal.seen.rfind(SHOW) > terminal.seen.rfind(HIDE)


def test_a_ctrl_c_after_the_last_word_changes_nothing(at_terminal: AtTerminal, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("throttle", None, rate=2_000)
    terminal = at_terminal("download", "1001", "--yes")
    terminal.until("B/s")
    terminal.type("\x03")
    terminal.until("Stopped.")
    while terminal.process.poll() is None:
        terminal.type("\x03")
    assert terminal.finish() == 130 and "Traceback" not in terminal.seen


def test_no_colour_is_used_where_none_is_wanted(at_terminal: AtTerminal) -> None:
    coloured = at_terminal("scan", "--sort", "nix")
    plain = at_terminal("scan", "--sort", "nix", "--no-color")
    assert (coloured.finish(), plain.finish()) == (2, 2)
    assert "\x1b[31;1merror: \x1b[0m" in coloured.seen and "\x1b" not in plain.seen
