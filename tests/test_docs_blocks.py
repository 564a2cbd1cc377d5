"""The Python that pages show runs as it stands, block after block, against the sandbox."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
import warnings
from codeop import compile_command
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.client import clients
from civitai_kit.testing import Sandbox
from manual.public import MODULES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A block of a file begins with the file's name; what pytest reads is for pytest.
NAMED = re.compile(r"# (\w+\.py)\n")
OURS = "civitai_kit"
OF_PYTEST = re.compile(r"(test_\w+|conftest)\.py")


def blocks(page: Path) -> Iterator[tuple[str | None, str]]:
    """The blocks of a page with the names of their files; a line has the number that it has in the page."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        named = NAMED.match(found[1])
        yield named and named[1], "\n" * text.count("\n", 0, found.start(1)) + found[1]


def shown(page: Path) -> str:
    """A page's path as a test id."""
    return page.relative_to(ROOT).as_posix()


# What tells that a page shows what it says.
PRINTED = {
    "client.md": ("not found: 404 /api/v1/models/987654", "GET http"),
    "tutorial.md": (
        "the second time nothing moved: True",
        "what is on disk is what the site means: True",
        "gone, or never there: /api/",
        "goes on with ",
    ),
}
WITH_PYTHON = [page for page in PAGES if list(blocks(page))]


@pytest.fixture
def folder(civitai_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; where a page speaks of the real site, the sandbox is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SITE", civitai_sandbox.url)
    monkeypatch.setenv("CIVITAI_API_KEY", civitai_sandbox.api_key)
    for kind in (clients.BlockingClient, clients.AwaitingClient):
        monkeypatch.setitem(kind.__init__.__kwdefaults__ or {}, "base_url", civitai_sandbox.url)
    return tmp_path


def run(page: Path, folder: Path) -> None:
    """Run the blocks of a page in one namespace, and put those of files into the folder."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for name, block in blocks(page):
        if name is not None:
            (folder / name).write_text(block.lstrip("\n"), encoding="utf-8")
        if name is None or not OF_PYTEST.fullmatch(name):
            with suppress(SystemExit):
                exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=shown)
def test_the_blocks_of_a_page_run_in_their_order_and_leave_nothing_open(
    page: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run(page, folder)
        gc.collect()
    assert [str(each.message) for each in warned] == []
    printed = capsys.readouterr().out
    assert [line for line in PRINTED.get(page.name, ()) if line not in printed] == []


@pytest.mark.parametrize("page", WITH_PYTHON, ids=shown)
def test_a_page_imports_nothing_but_public_names(page: Path) -> None:
    nodes = [node for _, block in blocks(page) for node in ast.walk(ast.parse(block))]
    imported = [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS)]
    assert {node.module for node in imported} <= set(MODULES)
    for node in imported:
        public = import_module(node.module or "").__all__
        assert {alias.name for alias in node.names} <= set(public)


def test_what_the_tutorial_types_can_be_typed_at_the_oldest_prompt() -> None:
    """Where a blank line ends a block, and nothing else does."""
    for name, block in blocks(ROOT / "docs" / "tutorial.md"):
        typed = ""
        for line in (*block.lstrip("\n").splitlines(), "") if name is None else ():
            typed = f"{typed}{line}\n"
            if compile_command(typed.rstrip("\n") + ("\n" if line == "" else ""), symbol="single") is not None:
                typed = ""
        assert not typed.strip(), f"not ended: {typed}"


def test_the_tests_of_the_tutorial_pass(folder: Path) -> None:
    for name, block in blocks(ROOT / "docs" / "tutorial.md"):
        if name is not None:
            (folder / name).write_text(block.lstrip("\n"), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout + done.stderr
