"""The pictures of the terminal show what the program says today, and need nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("pty")

from pictures.__main__ import PICTURES, draw
from pictures.drawing import drawn, text_of
from pictures.scenes import SCENES
from pictures.terminal import screen
from tests.program import Program

DRAWN_WITH = {"svg", "style", "defs", "clipPath", "rect", "circle", "g", "text"}
KEPT = sorted(PICTURES.glob("*.svg"))


@pytest.mark.slow
def test_the_pictures_show_what_the_program_says_today(program: Program, tmp_path: Path) -> None:
    draw(tmp_path, program.start_at)
    for kept in KEPT:
        anew = (tmp_path / kept.name).read_text(encoding="utf-8")
        assert text_of(anew) == text_of(kept.read_text(encoding="utf-8")), "draw them anew: make pictures"


def test_every_scene_has_its_picture_and_every_picture_its_scene() -> None:
    assert [kept.stem for kept in KEPT] == sorted(SCENES)


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_picture_asks_nothing_of_another_host(kept: Path) -> None:
    parts = [*ElementTree.parse(kept).iter()]
    said = [value for part in parts for value in part.attrib.values()]
    said += [part.text or "" for part in parts if part.tag.endswith("style")]
    assert not re.search(r"//|@font-face|@import|url\([^#]", "\n".join(said))
    assert {part.tag.rpartition("}")[2] for part in parts} <= DRAWN_WITH


def test_a_picture_gives_back_the_lines_that_were_drawn() -> None:
    lines = ["\x1b[32m$\x1b[0m a <b> & 'c'", "  two  spaces", "界 wide"]
    assert text_of(drawn("one", lines, 40)) == ["$ a <b> & 'c'", "  two  spaces", "界 wide"]


def test_the_screen_is_what_a_terminal_shows_after_lines_were_taken_back() -> None:
    assert screen("one\r\ntwo\r\x1b[2K\x1b[1A\x1b[2Kthree\r\nfour") == ["three", "four"]
    assert screen("abc\rx\x1b[31my\x1b[0m\r\n\r\n") == ["x\x1b[31my\x1b[0mc"]
