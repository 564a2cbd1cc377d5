"""Help, version, and what a command line costs before it works: modules loaded, flags and keys in step."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from civitai_kit import __version__
from civitai_kit.cli import start
from civitai_kit.cli.input.examples import EXAMPLES
from civitai_kit.cli.input.options import DOWNLOAD, EVERY_FLAG, GLOBAL, QUIET, SELECTION, positional_of
from civitai_kit.cli.input.parsing import Branch, parse
from civitai_kit.cli.main import COMMANDS, SUMMARY, main
from civitai_kit.core.collection.entry import Entry, FileRecord
from civitai_kit.core.settings.keys import KEYS
from civitai_kit.store.lmdb_store import LmdbStore

if TYPE_CHECKING:
    from tests.cli.conftest import Run

# What only work needs: settings, files, the network. Typer itself takes difflib, platform and urllib.parse.
FOR_WORK = {
    "pydantic",
    "pydantic_core",
    "tomli",
    "platformdirs",
    "json",
    "email",
    "tempfile",
    "urllib.request",
    "random",
}
HEAVY = {"httpx2", "rich", "structlog", "asyncio", "lmdb", "torf", "starlette", "uvicorn", "blake3", "keyring"}


def commands(branches: Mapping[str, Branch], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of the tree, as the words that call it."""
    for name, branch in branches.items():
        if isinstance(branch.where, str):
            yield (*above, name)
        else:
            yield from commands(branch.where, (*above, name))


def loaded_by(*words: str, folder: Path | None = None, **variables: str) -> set[str]:
    """The modules that a fresh process has loaded when a command line is done."""
    code = (
        "import sys; from civitai_kit.cli.start import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    # What measures coverage would load much of it by itself.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | variables
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=env,
        cwd=folder,
    )
    return set(done.stderr.split())


def rooms(*names: str) -> set[str]:
    """Modules of ours, by their names within the package."""
    return {f"civitai_kit.{name}" for name in names}


def test_the_help_of_the_whole_is_the_page_that_lies_ready_and_loads_nothing() -> None:
    modules = loaded_by("--help")
    assert "typer" not in modules
    assert {name for name in modules if name.startswith("civitai_kit.")} == {"civitai_kit.cli", "civitai_kit.cli.start"}


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_the_page_is_what_typer_prints(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert start.main([word]) == 0
    ready = capsys.readouterr().out
    assert main([word]) == 0
    assert ready == capsys.readouterr().out, "`make page` writes it anew"


def test_where_the_page_does_not_fit_typer_prints_one_that_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert start.main(["--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_an_output_that_lacks_the_page_s_letters_is_left_to_typer() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii:replace", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "civitai_kit", "--help"], capture_output=True, check=True, env=env, timeout=60
    )
    assert done.stdout.startswith(b"Usage: civitai-kit [OPTIONS] COMMAND")
    assert b"Commands:" in done.stdout


def test_help_among_other_words_loads_no_command_and_no_validation() -> None:
    modules = loaded_by("--no-color", "--help")
    assert not modules & (HEAVY | FOR_WORK)
    ours = {name for name in modules if name.startswith("civitai_kit.")}
    work = ("commands.scan", "commands.download", "commands.db.view", "commands.config", "commands.sandbox")
    assert not ours & rooms("cli.output.progress", *(f"cli.{name}" for name in work))
    assert len(ours) <= 22


@pytest.mark.parametrize("words", [("scan",), ("download",), ("db", "view"), ("config", "show"), ("sandbox",)])
def test_the_help_of_a_command_loads_nothing_that_only_its_work_needs(words: tuple[str, ...]) -> None:
    modules = loaded_by(*words, "--help")
    assert not modules & (HEAVY | FOR_WORK)
    assert not modules & {f"civitai_kit.{name}" for name in ("kit", "core.settings.layers", "core.site.models")}


def test_a_mistake_in_a_flag_loads_nothing_heavy() -> None:
    assert not loaded_by("scan", "--limit", "x") & (HEAVY - {"keyring"})


def test_showing_the_settings_loads_no_network_and_no_database() -> None:
    modules = loaded_by("config", "show", CIVITAI_API_KEY="key-1")
    assert not modules & {"httpx2", "lmdb", "rich", "structlog", "torf", "asyncio"}


@pytest.mark.parametrize("words", [("db", "search", "x"), ("db", "view"), ("db", "stats")])
def test_reading_the_database_loads_nothing_that_asks_the_site_or_moves_bytes(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    modules = loaded_by(*words, folder=tmp_path)
    assert {"civitai_kit.kit.parts", "civitai_kit.store.lmdb_store"} <= modules
    assert not modules & (HEAVY - {"lmdb", "blake3"} | {"tomli", "pathvalidate", "concurrent.futures"})
    assert not modules & rooms("client", "transfer", "services", "disk.hashing", "disk.save_lock", "disk.spool")
    assert not modules & rooms(
        *(f"core.{name}" for name in ("events", "retry", "plans.plan", "plans.report", "site.models", "site.query"))
    )


@pytest.mark.parametrize("words", [(), ("--metadata",)], ids=["plain", "metadata"])
def test_verifying_what_is_there_loads_no_library_of_the_network(words: tuple[str, ...], tmp_path: Path) -> None:
    content = b"the weights"
    (tmp_path / "a.safetensors").write_bytes(content)
    file = FileRecord(file_id=1, path="a.safetensors", size=len(content), sha256=sha256(content).hexdigest())
    with LmdbStore.open(tmp_path / "civitai_download_db", read_only=False) as store:
        store.put(Entry(version_id=1, files=(file,), version={"id": 1}))
    # With a key that is known no keyring is asked, which loads what it likes.
    modules = loaded_by("db", "verify", "--save-path", ".", *words, folder=tmp_path, CIVITAI_API_KEY="key-1")
    assert "civitai_kit.services.upkeep.verify" in modules
    assert (tmp_path / "a.json").exists() == bool(words)
    assert not modules & {"httpx2", "httpcore2", "ssl", "anyio", "h11", "truststore", "idna", "asyncio", "http.client"}
    assert not modules & rooms("client", "transfer.fetch")


def test_asking_the_site_loads_nothing_that_moves_bytes(tmp_path: Path) -> None:
    nobody = {"CIVITAI_KIT_API_URL": "http://127.0.0.1:9", "CIVITAI_KIT_MAX_RETRIES": "0", "CIVITAI_API_KEY": "key-1"}
    modules = loaded_by("scan", "--all", folder=tmp_path, **nobody)
    assert "httpx2" in modules and "civitai_kit.core.site.models" in modules
    assert not modules & (HEAVY - {"httpx2", "lmdb", "blake3"} | {"tomli", "pathvalidate", "concurrent.futures"})
    assert not modules & rooms("transfer", "disk.hashing", "disk.spool", "services.download.download", "services.ports")
    assert not modules & rooms("core.plans.order", "core.plans.plan_file", "core.plans.report")


def test_plugins_of_pydantic_are_not_looked_for_unless_somebody_wants_them(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"schema": 1, "items": [{}]}', encoding="utf-8")
    (tmp_path / "plugged.py").write_text("IT = None\n", encoding="utf-8")
    about = tmp_path / "plugged-1.dist-info"
    about.mkdir()
    (about / "entry_points.txt").write_text("[pydantic]\nit = plugged:IT\n", encoding="utf-8")

    def loaded(**variables: str) -> set[str]:
        words = ("download", "--plan", "plan.json", "--dry-run")
        return loaded_by(*words, folder=tmp_path, PYTHONPATH=str(tmp_path), **variables)

    assert "plugged" not in loaded()
    assert "plugged" in loaded(PYDANTIC_DISABLE_PLUGINS="another")


@pytest.mark.parametrize("words", [*commands(COMMANDS)], ids=" ".join)
def test_every_command_has_help_that_leads_to_the_global_flags(words: tuple[str, ...], run: Run) -> None:
    said = run(*words, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: civitai-kit {' '.join(words)}")
    assert (
        "--help-all shows them" in " ".join(said.out.split())
        and "--api-delay" not in said.out.partition("Examples:")[0]
    )
    assert run(*words, "-h").out == said.out


@pytest.mark.parametrize("words", [*commands(COMMANDS)], ids=" ".join)
def test_help_keeps_a_commands_own_flags_from_those_of_every_command(words: tuple[str, ...], run: Run) -> None:
    own, _, everywhere = run(*words, "--help-all").out.partition("Global options:")
    assert "--save-path DIR" not in own and all(flag.long in everywhere for flag in (*GLOBAL, QUIET))


@pytest.mark.parametrize("words", [*commands(COMMANDS)], ids=" ".join)
def test_help_ends_with_three_examples_that_the_parser_understands(words: tuple[str, ...], run: Run) -> None:
    shown = run(*words, "--help").out
    examples = EXAMPLES[" ".join(words)]
    assert len(examples) == 3
    for typed, meaning in examples:
        assert f"civitai-kit {typed}" in " ".join(shown.split()) and meaning in " ".join(shown.split())
        parsed = parse(shlex.split(typed), COMMANDS, SUMMARY)
        assert parsed is not None and parsed.name == " ".join(words)


@pytest.mark.parametrize(("columns", "widest"), [("80", 80), ("100", 100), ("200", 100)])
def test_help_is_as_wide_as_the_terminal_up_to_a_hundred(
    columns: str, widest: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    longest = max(len(line) for line in run("scan", "--help").out.splitlines())
    assert widest - 15 < longest <= widest


def test_nothing_typed_shows_the_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert start.main([]) == 0
    bare = capsys.readouterr().out
    assert start.main(["--help"]) == 0
    assert bare == capsys.readouterr().out and bare.startswith("Usage: civitai-kit")
    assert main([]) == 0 and capsys.readouterr().out == bare


@pytest.mark.parametrize(
    ("line", "begun", "offered"),
    [
        ("scan --type", "Lo", {"LoCon"}),
        ("download --base-model", "SDXL 1", {"SDXL 1.0", "SDXL 1.0 LCM"}),
        ("scan --sort", "High", {"Highest Rated"}),
        ("images --period", "We", {"Week"}),
        ("db view --status", "", {"Pending", "Downloaded", "Error"}),
    ],
)
def test_a_shell_is_offered_the_words_that_a_flag_takes(line: str, begun: str, offered: set[str]) -> None:
    words = [*line.split(), begun]
    env = {
        **os.environ,
        "_CIVITAI_KIT_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["civitai-kit", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "from civitai_kit.cli.start import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env, timeout=60
    )
    assert set(done.stdout.split("\n")) - {""} == offered, done.stderr


def test_q_is_quiet_after_a_command_that_has_no_query(run: Run) -> None:
    assert run("config", "path", "-q").out == run("-q", "config", "path").out == run("config", "path", "--quiet").out


@pytest.mark.parametrize(
    ("words", "usage", "meaning"),
    [
        (("download",), "[OPTIONS] [REF…]\n", "an AIR (urn:air:…) or a model's"),
        (("db", "export"), "[OPTIONS] FILE\n", "the file to write; - for stdout"),
        (("db", "import"), "[OPTIONS] FILE\n", "the file to read; - for stdin"),
        (("db", "search"), "[OPTIONS] QUERY\n", "the text to look for"),
        (("tags",), "[OPTIONS] [QUERY]\n", "only the tags that begin with it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_help_says_what_an_argument_is(words: tuple[str, ...], usage: str, meaning: str, run: Run) -> None:
    said = run(*words, "--help").out
    assert usage in said.splitlines(keepends=True)[0] and "Arguments:" in said and meaning in said
    assert "list[str]" not in said and "]]" not in said


def test_every_command_with_arguments_says_what_they_are() -> None:
    for words in commands(COMMANDS):
        where = COMMANDS[words[0]].where if len(words) == 1 else COMMANDS[words[0]].where[words[1]].where  # type: ignore[index, union-attr]
        module, _, attribute = str(where).partition(":")
        name = getattr(import_module(module), attribute).arguments
        positional = positional_of(words[-1], name)
        assert not name or (positional is not None and positional.meaning)


def test_a_long_default_is_broken_between_folders(run: Run) -> None:
    lines = [line.strip() for line in run("scan", "--help").out.splitlines()]
    assert "{type}/{base_model}/{model_name}/" in lines and "{version_id}_{file_name}]" in lines


def test_help_lists_the_orders_and_says_what_a_yes_is(run: Run) -> None:
    # A line may end within a flag, after one of its dashes.
    text = " ".join(run("download", "--help").out.split()).replace("- ", "-")
    assert "Highest Rated, Newest, Oldest" in text and "AllTime" in text
    assert "--no-yes asks all the same" in text and "implies model_info, --model-info" in text


@pytest.mark.parametrize("words", [(), ("db",), ("config",)], ids=["whole", "db", "config"])
def test_a_group_lists_its_commands(words: tuple[str, ...], run: Run) -> None:
    said = run(*words, "--help")
    below = COMMANDS if not words else COMMANDS[words[0]].where
    assert said.code == 0 and isinstance(below, Mapping)
    assert all(f"  {name} " in said.out for name in below)


def test_scan_and_download_know_every_selection_flag(run: Run) -> None:
    for words, flags in ((("scan",), SELECTION), (("download",), (*SELECTION, *DOWNLOAD))):
        help_text = run(*words, "--help").out
        assert all(name in help_text for flag in flags for name in flag.names)


@pytest.mark.parametrize("name", ["save_path", "api_url", "max_retries", "page_size", "sort", "concurrency"])
def test_the_default_that_help_shows_is_that_of_the_settings(name: str, run: Run) -> None:
    text = " ".join(run("download", "--help-all").out.split())
    assert f"[default: {KEYS[name].default}]" in text


def test_help_and_version_are_json_too_where_json_is_asked_for(run: Run) -> None:
    assert run("--version").out == f"civitai-kit {__version__}\n"
    assert run("scan", "--version").out == f"civitai-kit {__version__}\n"
    assert run("--version", "--json").data == {"version": __version__}
    assert run("--help", "--json").data["help"].startswith("Usage: civitai-kit")
    assert "--limit" in run("scan", "--json", "--help").data["help"]


def test_every_flag_sets_a_key_that_exists_and_no_key_has_two() -> None:
    keys = [flag.key for flag in EVERY_FLAG if flag.key]
    assert set(keys) <= set(KEYS) and len(keys) == len(set(keys))


def test_every_flat_key_but_the_ones_without_flag_has_one() -> None:
    flat = {name for name in KEYS if "." not in name}
    # The key is flag-free; ids are REFs on the command line; the first wait is for files.
    assert flat - {flag.key for flag in EVERY_FLAG} == {"api_key", "model_id", "model_version_id", "retry_delay_ms"}


@pytest.mark.parametrize(
    "words",
    [
        ["--save-path", "x", "config", "show"],
        ["config", "--save-path", "x", "show"],
        ["config", "show", "--save-path", "x"],
        ["--save-path", "y", "config", "show", "--save-path", "x"],
    ],
    ids=["before", "between", "after", "the nearest"],
)
def test_a_global_flag_counts_wherever_it_stands(words: list[str], run: Run) -> None:
    value = run(*words, "--json").data["settings"]["save_path"]
    assert value == {"value": "x", "origin": "--save-path"}


def test_q_is_quiet_before_the_command_and_query_after_it(run: Run) -> None:
    said = run("-q", "scan", "-q", "cats", "--sort", "nix")
    assert said.code == 2 and "--sort" in said.err


def test_the_program_runs_as_a_module_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "civitai_kit", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"civitai-kit {__version__}\n", "")
