"""`images` at a terminal: question by question, defaults shown, answers checked, nothing asked that was typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("termios", reason="pseudo-terminals are POSIX's")

from civitai_kit.sandbox.worlds.standard_gallery import PAINTER
from pictures.terminal import Terminal
from tests.cli.output.test_live import at_terminal as at_terminal


def answer(terminal: Terminal, *pairs: tuple[str, str]) -> None:
    """Wait for each question and answer it."""
    for question, text in pairs:
        terminal.until(question)
        terminal.seen = ""
        terminal.type(f"{text}\n")


def test_with_no_target_every_question_is_asked_and_wrong_answers_again(
    at_terminal: Callable[..., Terminal], empty_home: Path
) -> None:
    terminal = at_terminal("images")
    answer(
        terminal,
        ("timeout value in seconds [default: 60]: ", ""),
        ("Choose quality (1=SD, 2=HD) [default: 2]: ", "3"),
        ("One of 1, 2, please.", "1"),
        ("there? (y/n) [default: n]: ", ""),
        ("Choose mode (1=user, 2=model ID, 3=tag search, 4=model version ID", "9"),
        ("Choose mode", "1"),
        ("max concurrent downloads [default: 4]: ", "2"),
        ("Skip video files? (y/n) [default: n]: ", "y"),
        ("Limit number of images? (0 for no limit) [default: 0]: ", "x"),
        ("A whole number from 0, please.", "3"),
        ("Enter username(s) (comma-separated): ", "not a name!"),
        ("is no username", f"{PAINTER}, {PAINTER}"),
        ("filter tag(s)", "line art"),
        ("Disable prompt check? (y/n) [default: n]: ", "y"),
    )
    assert terminal.finish() == 0, terminal.seen
    assert "Downloaded 3 images" in terminal.seen
    found = list((empty_home / "downloads/images").rglob("*_sd.*"))
    assert len(found) == 3


def test_what_was_typed_is_not_asked_for(at_terminal: Callable[..., Terminal], empty_home: Path) -> None:
    terminal = at_terminal(
        "images", "--quality", "hd", "--limit", "1", "--media", "all", "--api-timeout", "9", "-c", "1"
    )
    answer(terminal, ("there? (y/n)", "n"), ("Choose mode", "3"), ("Enter tags", "line art"), ("Disable prompt", "n"))
    assert terminal.finish() == 0, terminal.seen
    assert "Downloaded 1 image" in terminal.seen


def test_the_end_of_the_input_stops_it(at_terminal: Callable[..., Terminal], empty_home: Path) -> None:
    terminal = at_terminal("images")
    terminal.until("timeout value")
    terminal.type("\x04")
    assert terminal.finish() == 130
    assert not (empty_home / "downloads").exists()


def test_ctrl_c_at_a_question_stops_it_at_once(at_terminal: Callable[..., Terminal], empty_home: Path) -> None:
    terminal = at_terminal("images")
    terminal.until("timeout value")
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert not (empty_home / "downloads").exists()
