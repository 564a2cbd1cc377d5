"""`images` at a terminal: question by question, defaults shown, answers checked, nothing asked that was typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.sandbox.worlds.standard_gallery import PAINTER, POST
from tests.cli.conftest import AtTerminal

if TYPE_CHECKING:
    from pictures.terminal import Terminal


def answer(terminal: Terminal, *pairs: tuple[str, str]) -> None:
    """Wait for each question and answer it."""
    for question, text in pairs:
        terminal.until(question)
        terminal.seen = ""
        terminal.type(f"{text}\n")


def test_with_no_target_every_question_is_asked_and_wrong_answers_again(
    at_terminal: AtTerminal, empty_home: Path
) -> None:
    terminal = at_terminal("images")
    answer(
        terminal,
        ("Whose images? (1=user, 2=model ID, 3=tag search, 4=model version ID", "9"),
        ("One of 1, 2, 3, 4, 5, 6, please.", "1"),
        ("Enter username(s) (comma-separated): ", "not a name!"),
        ("is no username", f"{PAINTER}, {PAINTER}"),
        ("filter tag(s)", "line art"),
        ("Disable prompt check? (y/n) [default: n]: ", "y"),
        ("Choose quality (1=SD, 2=HD) [default: 2]: ", "3"),
        ("One of 1, 2, please.", "1"),
        ("Skip video files? (y/n) [default: n]: ", "y"),
        ("Limit number of images? (0 for no limit) [default: 0]: ", "x"),
        ("A whole number from 0, please.", "3"),
        ("there? (y/n) [default: n]: ", ""),
        ("max concurrent downloads [default: 4]: ", "2"),
        ("timeout value in seconds [default: 60]: ", ""),
    )
    assert terminal.finish() == 0, terminal.seen
    assert "Downloaded 3 images" in terminal.seen
    found = list((empty_home / "downloads/images").rglob("*_sd.*"))
    assert len(found) == 3


def test_an_empty_answer_about_the_target_is_refused_with_the_reason_and_asked_again(
    at_terminal: AtTerminal, empty_home: Path
) -> None:
    terminal = at_terminal("images", "--quality", "hd", "--limit", "1", "--media", "all", "--redownload")
    answer(
        terminal,
        ("Whose images?", ""),
        ("There is no default: without a target nothing can be fetched.", "5"),
        ("post ID(s) (numeric, comma-separated): ", " , "),
        ("There is no default here", str(POST)),
        ("max concurrent downloads", ""),
        ("timeout value in seconds", ""),
    )
    assert terminal.finish() == 0, terminal.seen
    assert "Downloaded 1 image" in terminal.seen


def test_what_was_typed_is_not_asked_for(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal(
        "images", "--quality", "hd", "--limit", "1", "--media", "all", "--api-timeout", "9", "-c", "1"
    )
    answer(terminal, ("Whose images", "3"), ("Enter tags", "line art"), ("Disable prompt", "n"), ("there? (y/n)", "n"))
    assert terminal.finish() == 0, terminal.seen
    assert "Downloaded 1 image" in terminal.seen


def test_a_dry_run_can_be_asked_for_by_questions_too(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal("images", "--dry-run", "--quality", "hd", "--limit", "1", "--media", "all", "-c", "1")
    answer(terminal, ("Whose images", "5"), ("post ID(s)", str(POST)), ("there? (y/n)", ""), ("timeout value", ""))
    assert terminal.finish() == 0, terminal.seen
    assert "1 image to put in place" in terminal.seen
    assert not any(empty_home.iterdir())


def test_the_end_of_the_input_stops_it(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal("images")
    terminal.until("Whose images?")
    terminal.type("\x04")
    assert terminal.finish() == 130
    assert not (empty_home / "downloads").exists()


def test_ctrl_c_at_a_question_stops_it_at_once(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal("images")
    terminal.until("Whose images?")
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert not (empty_home / "downloads").exists()
