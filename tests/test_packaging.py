"""What the package promises about itself: names, pins, and the size of its parts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import entry_points, version
from itertools import takewhile
from pathlib import Path

import pytest
import tomli

import civitai_kit

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MODULES = sorted((ROOT / "civitai_kit").rglob("*.py"))
CORE = [path for path in MODULES if path.is_relative_to(ROOT / "civitai_kit" / "core")]

REQUIRED = {"typer", "pydantic", "tomli", "lmdb", "blake3", "torf", "structlog", "pytest"}
LONGEST_MODULE = 300
LONGEST_FUNCTION = 45
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "manager"}


def pins(lock: Path) -> dict[str, str]:
    """Names and versions of a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))


def shown(path: Path) -> str:
    """A module's path as a test id."""
    return path.relative_to(ROOT).as_posix()


def test_the_version_is_said_the_same_everywhere() -> None:
    assert civitai_kit.__version__ == PROJECT["version"] == version("civitai-kit")


def test_every_package_of_the_contract_is_required() -> None:
    named = {re.split(r"[<>=!~\[; ]", line)[0] for line in PROJECT["dependencies"]}
    assert named >= REQUIRED


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="civitai-kit")
    assert command.value == "civitai_kit.cli.start:main"


@pytest.mark.parametrize("arguments", [["-m", "civitai_kit", "--version"], ["-m", "civitai_kit", "--help"]])
def test_the_package_runs_as_a_module(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert civitai_kit.__version__ in done.stdout or "Usage" in done.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_a_lock_names_no_host_and_no_path(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.findall(r"://|--index|--extra-index|--find-links|file:|(?:^|\s)/\w+", text)


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_a_lock_pins_and_hashes_everything(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    starts = [at for at, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert starts
    for at in starts:
        below = list(takewhile(lambda line: line.startswith("    --hash=sha256:"), lines[at + 1 :]))
        assert "==" in lines[at] and below, lines[at]


def test_the_locks_agree_and_hold_what_is_required() -> None:
    run, dev = (pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert run.items() <= dev.items()
    assert run.keys() >= REQUIRED


def test_the_licence_is_the_one_declared() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "GPL-3.0-or-later"
    assert "GNU GENERAL PUBLIC LICENSE" in text and "Version 3, 29 June 2007" in text


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_says_what_it_is_for_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module begins with one sentence"
    lines = text.count("\n")
    assert lines <= LONGEST_MODULE
    assert path.stem not in NAMES_THAT_SAY_NOTHING
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    sizes = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert not {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION}


# The import linter sees imports; these are the ways to the clock and the disk that need none of its words.
@pytest.mark.parametrize("path", CORE, ids=shown)
def test_core_opens_nothing_and_asks_no_clock(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    forbidden = re.compile(r"(open|input|print|(datetime\.)?datetime\.(now|utcnow)|date\.today|Path\..*)$")
    assert not {name for name in names if forbidden.fullmatch(name)}
