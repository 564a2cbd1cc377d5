"""What the package promises about itself: names, pins, and the size of its parts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import civitai_kit

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MODULES = sorted((ROOT / "civitai_kit").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CORE = [path for path in MODULES if path.is_relative_to(ROOT / "civitai_kit" / "core")]

REQUIRED = {"typer", "pydantic", "tomli", "lmdb", "blake3", "torf", "structlog"}
# Packages whose modules bear another name.
MODULE_OF = {
    "pydantic-core": "pydantic_core",
    "opentelemetry-api": "opentelemetry",
    "opentelemetry-sdk": "opentelemetry",
}
NINE_IN_TEN_MODULES = 240
LONGEST_FUNCTION = 45
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "manager"}


def pins(lock: Path) -> dict[str, str]:
    """Names and versions of a lock file."""
    return dict(
        re.findall(r"^([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )


@cache
def parsed(path: Path) -> ast.Module:
    """A module as it is read."""
    return ast.parse(path.read_bytes())


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


def test_the_lock_of_a_run_is_part_of_the_whole_one_and_brings_no_tests() -> None:
    run, dev = (pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert run.items() <= dev.items()
    assert run.keys() >= REQUIRED and "pytest" not in run


def stated(lines: Iterable[Any]) -> Iterator[Requirement]:
    """The requirements of some lines of pyproject.toml, groups and extras that they name included."""
    for line in lines:
        if isinstance(line, dict):
            yield from stated(GROUPS[line["include-group"]])
        elif (requirement := Requirement(line)).name == "civitai-kit":
            yield from stated(each for extra in sorted(requirement.extras) for each in EXTRAS[extra])
        else:
            yield requirement


def lacking(wanted: Iterable[Requirement], lock: Path) -> list[str]:
    """What a lock does not have, or has without an extra, or at a version that is not wanted."""
    line = re.compile(r"^([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?==([^ ;]+)", flags=re.MULTILINE)
    found = {name: (extras.split(","), pin) for name, extras, pin in line.findall(lock.read_text(encoding="utf-8"))}
    return [
        str(each)
        for each in wanted
        if (here := found.get(canonicalize_name(each.name))) is None
        or not each.extras <= set(here[0])
        or not each.specifier.contains(here[1], prereleases=True)
    ]


def test_the_whole_lock_covers_every_extra_and_every_group() -> None:
    lines = [*PROJECT["dependencies"], *chain(*EXTRAS.values()), *GROUPS["dev"]]
    assert lacking(stated(lines), ROOT / "requirements" / "dev.txt") == []


def test_the_lock_of_the_documents_covers_what_reads_them_and_agrees_with_the_whole_one() -> None:
    docs, dev = (pins(ROOT / "requirements" / name) for name in ("docs.txt", "dev.txt"))
    lines = [*PROJECT["dependencies"], *EXTRAS["testing"], *GROUPS["docs"]]
    assert lacking(stated(lines), ROOT / "requirements" / "docs.txt") == []
    assert {name: (pin, dev[name]) for name, pin in docs.items() if dev.get(name, pin) != pin} == {}


def test_the_lock_of_a_run_covers_what_the_main_job_and_the_sandbox_need() -> None:
    lines = [*PROJECT["dependencies"], *EXTRAS["server"], *GROUPS["build"]]
    assert lacking(stated(lines), ROOT / "requirements" / "run.txt") == []


def of_installed(lock: Path) -> Iterator[Requirement]:
    """What the packages of a lock that are installed here ask for on this machine, extras of theirs included."""
    line = re.compile(r"^([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?==", flags=re.MULTILINE)
    for name, extras in line.findall(lock.read_text(encoding="utf-8")):
        with suppress(PackageNotFoundError):
            asked = [Requirement(text) for text in requires(name) or ()]
            yield from (
                each
                for each in asked
                if each.marker is None
                or any(each.marker.evaluate({"extra": extra}) for extra in ["", *extras.split(",")])
            )


@pytest.mark.parametrize("lock", LOCKS, ids=shown)
def test_a_lock_has_all_that_its_packages_ask_for_extras_included(lock: Path) -> None:
    assert lacking(of_installed(lock), lock) == []


def imported(paths: Iterable[Path]) -> set[str]:
    """The names at the top of all that these modules import: by statement, or by `import_module("name")`."""
    nodes = [node for path in paths for node in ast.walk(parsed(path))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    calls = [node for node in nodes if isinstance(node, ast.Call) and called(node) == "import_module"]
    names += [str(first.value) for call in calls for first in call.args[:1] if isinstance(first, ast.Constant)]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"civitai_kit"}


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def modules_of(lines: Iterable[Any]) -> set[str]:
    """What one imports of the packages that lines of pyproject.toml declare."""
    return {MODULE_OF.get(each.name, each.name) for each in stated(lines)}


def test_every_package_that_is_imported_is_declared() -> None:
    found = imported(MODULES)
    assert found - modules_of([*PROJECT["dependencies"], *chain(*EXTRAS.values())]) == set()
    assert found >= {"anyio", "isal", "keyring", "lmdb", "pydantic_core", "pytest"}


def test_every_package_that_tests_import_is_declared() -> None:
    lines = [*PROJECT["dependencies"], *chain(*EXTRAS.values()), *chain(*GROUPS.values())]
    ours = {path.stem for path in TESTS} | {path.name for path in ROOT.iterdir()}
    assert imported(TESTS) - modules_of(lines) - ours == set()


def test_all_but_sandbox_server_and_pages_is_imported_without_any_extra() -> None:
    absent = modules_of(chain(*EXTRAS.values())) - modules_of(PROJECT["dependencies"])
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    wanted = [name for name in names if not re.match(r"civitai_kit\.(sandbox|web|asgi|pages|testing|__main__)", name)]
    code = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(absent)}))\n"
        f"for name in {wanted}: importlib.import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_sandbox_says_how_to_get_what_it_lacks() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from civitai_kit.cli.main import main\n"
        "sys.exit(main(['sandbox', '--list-faults']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "starlette>=" in done.stderr and "Traceback" not in done.stderr


def test_library_pages_say_how_to_get_what_they_lack() -> None:
    code = (
        "import sys; sys.modules['nh3'] = None\n"
        "from civitai_kit.cli.main import main\n"
        "sys.exit(main(['library', 'pages']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "nh3>=" in done.stderr and "Traceback" not in done.stderr


def test_testing_says_in_one_sentence_what_it_lacks() -> None:
    code = "import sys; sys.modules['pytest'] = None; import civitai_kit.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: civitai_kit.testing needs pytest, which is not installed: ")
    assert "pytest>=" in last and "uvicorn>=" in last


def test_what_is_installed_runs_without_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from civitai_kit.cli.main import main\n"
        "sys.exit(main(['sandbox', '--list-faults']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_licence_is_the_one_declared() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "GPL-3.0-or-later"
    assert "GNU GENERAL PUBLIC LICENSE" in text and "Version 3, 29 June 2007" in text


def test_every_module_says_what_it_is_for() -> None:
    assert [shown(path) for path in MODULES if path.stem in NAMES_THAT_SAY_NOTHING] == []
    silent = [shown(path) for path in MODULES if not ast.get_docstring(parsed(path))]
    assert silent == [], "a module begins with one sentence"


def test_functions_stay_small() -> None:
    sizes = {
        (shown(path), node.name): (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {place: size for place, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_nine_in_ten_modules_are_short() -> None:
    lengths = sorted(path.read_text(encoding="utf-8").count("\n") for path in MODULES)
    assert lengths[len(lengths) * 9 // 10] <= NINE_IN_TEN_MODULES


# The import linter sees imports; these are the ways to the clock and the disk that need none of its words.
def test_core_opens_nothing_and_asks_no_clock() -> None:
    forbidden = re.compile(r"(open|input|print|(datetime\.)?datetime\.(now|utcnow)|date\.today|Path\..*)$")
    calls = {
        (shown(path), ast.unparse(node.func))
        for path in CORE
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
    }
    assert [(path, name) for path, name in calls if forbidden.fullmatch(name)] == []


def test_every_class_has_a_name_of_its_own() -> None:
    named = re.compile(r"^class (\w+)", flags=re.MULTILINE)
    names = [name for path in MODULES for name in named.findall(path.read_text(encoding="utf-8"))]
    assert sorted({name for name in names if names.count(name) > 1}) == []
