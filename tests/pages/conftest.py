"""One Chromium for all tests of pages; they are skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import CAN_RUN, WHY_NOT, Browser, Tab, chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser."""
    if not CAN_RUN:
        pytest.skip(WHY_NOT)
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as running:
        yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A page in it that remembers nothing of another."""
    tab = browser.tab()
    yield tab
    # An open page goes on working, and holds memory.
    tab.close()
