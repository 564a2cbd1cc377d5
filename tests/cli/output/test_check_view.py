"""What `config check` says to a person: every line whole at a terminal, the clock in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.cli.output.check_view import check_lines
from civitai_kit.core.settings.check_report import (
    CheckReport,
    KeyFinding,
    KeyStatus,
    SavePathFinding,
    SiteFinding,
    SiteStatus,
)
from tests.cli.conftest import AtTerminal


def test_at_a_terminal_every_line_fits_and_nothing_is_cut(at_terminal: AtTerminal, empty_home: Path) -> None:
    terminal = at_terminal("config", "check", "--save-path", "a long name " * 6)
    assert terminal.finish() == 0, terminal.seen
    assert "key        valid         sandbox_user, tier free" in terminal.seen
    assert " ".join("a long name " * 6).replace(" ", "") in terminal.seen.replace(" ", "").replace("\r\n", "")
    assert "…" not in terminal.seen
    assert not any(empty_home.iterdir())


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (0, "the clock here is right"),
        (-1, "the clock here is right"),
        (30, "30 s ahead"),
        (-60, "60 s behind"),
        (61, "61 s ahead: set it"),
        (-420, "7 min behind: set it"),
        (86_400 * 400, "400 days ahead: set it"),
    ],
)
def test_a_clock_that_is_off_is_said_in_words(offset: int, said: str) -> None:
    report = CheckReport(
        key=KeyFinding(KeyStatus.NONE),
        site=SiteFinding("https://civitai.com", SiteStatus.THERE, offset),
        save_path=SavePathFinding("/a", exists=True, free=None),
    )
    site = next(line for line in check_lines(report) if line.startswith("site"))
    assert said in site and ("set it" in site) == ("set it" in said)
