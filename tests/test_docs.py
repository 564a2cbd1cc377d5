"""The documents say what the tool does: commands, flags, settings, exit codes, remedies, links."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest
import typer

from civitai_kit.cli.input.config_example import correspondence
from civitai_kit.cli.input.options import GLOBAL, QUIET_BEFORE, Flag
from civitai_kit.cli.input.parsing import PROGRAM, Branch, Command, parse
from civitai_kit.cli.main import COMMANDS, SUMMARY, main
from civitai_kit.core.codes import EXIT_OF, Exit
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.remedies import REMEDIES
from civitai_kit.core.settings.keys import KEYS, variable
from civitai_kit.testing import Sandbox

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
TROUBLES, OF_COMMANDS, SETTINGS, PROGRAMS = (
    DOCS / f"{name}.md" for name in ("troubleshooting", "commands", "settings", "programs")
)
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
MOST_LINES = 200

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<!\S)--?[a-z][a-z0-9-]*")
ASSIGNMENT = re.compile(r"[A-Z_]+=.*", re.DOTALL)
ENDS_A_CALL = re.compile(r"[();<>|&]+")
PRINTED_BY = """
from civitai_kit.cli.input.config_example import correspondence
from civitai_kit.cli.main import COMMANDS
print(*correspondence(commands=COMMANDS), sep="\\n")"""
# Named as the shell completion's and the help's own, which have no row in our tables of flags.
OF_TYPER = {"--help-all", "--install-completion", "--show-completion", "--help", "--version"}


def commands(branches: Mapping[str, Branch], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Every command of the tree, by the words that call it."""
    for name, branch in branches.items():
        if isinstance(branch.where, str):
            module, _, attribute = branch.where.partition(":")
            yield " ".join((*above, name)), getattr(import_module(module), attribute)
        else:
            yield from commands(branch.where, (*above, name))


def names(flags: tuple[Flag, ...]) -> set[str]:
    """Every spelling of these flags, the opposites of switches among them."""
    return {name for flag in flags for said in flag.declarations for name in said.split("/")}


ALL = dict(commands(COMMANDS))
NAMES = names((*GLOBAL, QUIET_BEFORE)).union(*(names(command.flags) for command in ALL.values()))


def shown(path: Path) -> str:
    """A page's path as a test id."""
    return path.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language, lines that a backslash ends joined with the next."""
    return [body.replace("\\\n", " ") for said, body in FENCE.findall(text_of(page)) if said == language]


def spans(page: Path) -> list[str]:
    """What stands between back-ticks in a page's running text."""
    return SPAN.findall(FENCE.sub("", text_of(page)))


def typed(page: Path) -> Iterator[str]:
    """The lines of shell that a page shows: `bash` blocks, what follows `$` in `console` blocks, and in its text."""
    for body in blocks(page, "bash"):
        yield from body.splitlines()
    for body in blocks(page, "console"):
        yield from (line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ "))
    for span in spans(page):
        if span.startswith(f"{PROGRAM} "):
            yield span
        elif span.split()[0] in COMMANDS and " -" in span:
            yield f"{PROGRAM} {span}"


def calls(line: str) -> Iterator[list[str]]:
    """The words after the program's name, of each call of it on a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not ENDS_A_CALL.fullmatch(word):
            words.append(word)
            continue
        while words and ASSIGNMENT.fullmatch(words[0]):
            del words[0]
        if words and Path(words[0]).name == PROGRAM:
            yield [each for each in words[1:] if each != "…"]
        words = []


def table(page: Path, *head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    lines = text_of(page).splitlines()
    start = lines.index(f"| {' | '.join(head)} |") + 2
    below = lines[start:]
    end = next((at for at, line in enumerate(below) if not line.startswith("|")), len(below))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in below[:end]]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_line_that_a_page_shows_is_understood(page: Path) -> None:
    for words in (words for line in typed(page) for words in calls(line)):
        if words and not OF_TYPER & set(words):
            try:
                parse(words, COMMANDS, SUMMARY)
            except (typer.TyperException, CivitaiKitError) as error:
                pytest.fail(f"{PROGRAM} {shlex.join(words)}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_flag_that_a_page_names_exists(page: Path) -> None:
    named = {flag for span in spans(page) if span.startswith("-") for flag in FLAG.findall(span)}
    assert named - OF_TYPER <= NAMES


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_variable_that_a_page_names_is_one_of_a_setting(page: Path) -> None:
    assert set(re.findall(r"CIVITAI_KIT_[A-Z][A-Z_]+", text_of(page))) <= {variable(name) for name in KEYS}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_place_that_a_page_links_to_is_there(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        file = page.parent / place if place else page
        assert file.exists(), target
        heads = re.findall(r"^#+ (.+)$", text_of(file), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("command", ALL)
def test_the_page_of_commands_shows_every_command(command: str) -> None:
    (row,) = [row for row in table(OF_COMMANDS, "command", "what it does", "for example") if row[0] == f"`{command}`"]
    (call,) = calls(row[2].strip("`"))
    assert call[: len(command.split())] == command.split()


@pytest.mark.parametrize("command", ALL)
def test_the_help_of_a_command_names_each_of_its_flags(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    said = set(re.findall(r"--?[a-z][a-z0-9-]*", capsys.readouterr().out))
    assert names(tuple(flag for flag in ALL[command].flags if not flag.hidden)) <= said


def test_the_table_of_settings_is_that_of_the_keys_and_flags_of_all_commands() -> None:
    lines = [line.rstrip() for line in correspondence(commands=COMMANDS)]
    assert "\n".join(lines) + "\n" in blocks(SETTINGS, "text"), f"print it anew: {PRINTED_BY}"


def test_the_example_file_ends_with_the_same_table() -> None:
    lines = [line.rstrip() for line in correspondence()]
    file = text_of(ROOT / "config.toml.example").splitlines()
    assert [line.removeprefix("# ").rstrip() for line in file][-len(lines) :] == lines


def test_the_table_of_exit_codes_is_the_tools() -> None:
    said = {int(number): set(SPAN.findall(codes)) for number, _, codes in table(PROGRAMS, "exit", "means", "`code`")}
    numbers = {value for name, value in vars(Exit).items() if name.isupper()}
    assert said == {number: {str(code) for code, exit in EXIT_OF.items() if exit == number} for number in numbers}


def test_the_table_of_remedies_is_the_tools() -> None:
    said = {code.strip("`"): remedy for code, remedy in table(TROUBLES, "`code`", "what to do")}
    assert said == {str(code): remedy for code, remedy in REMEDIES.items()}


def test_the_readme_leads_to_every_page_of_the_docs() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall(text_of(README))}
    assert linked >= {shown(page) for page in PAGES if page.parent != ROOT}


def test_the_readme_fits_into_a_few_minutes_of_reading() -> None:
    assert text_of(README).count("\n") <= MOST_LINES


def test_the_extras_of_the_readme_are_those_of_the_package() -> None:
    import tomli

    extras = tomli.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    assert {row[0].strip("`") for row in table(README, "extra", "brings")} == set(extras) - {"all"}


@pytest.fixture
def run(
    civitai_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Run a command line in an empty folder against the sandbox: its exit code, and the lines it says."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CIVITAI")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CIVITAI_API_KEY", civitai_sandbox.api_key)
    monkeypatch.setenv("CIVITAI_KIT_API_URL", civitai_sandbox.url)

    def run(*words: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = main([*words])
        both = capsys.readouterr()
        return code, [line for line in (both.err + both.out).splitlines() if line]

    return run


def test_the_json_that_is_shown_is_a_real_answer(run: Callable[..., tuple[int, list[str]]]) -> None:
    (block,) = [body for body in blocks(PROGRAMS, "console") if "--json" in body]
    line, _, answer = block.partition("\n")
    (words,) = calls(line.removeprefix("$ "))
    code, told = run(*words)
    wanted, said = json.loads(answer), json.loads(told[-1])
    # What is free is another number at every moment.
    said["data"]["free"] = wanted["data"]["free"]
    assert said == wanted and code == wanted["exit_code"]
