"""Every mistake of a person: one sentence, a hint, the right exit code, one JSON object, no traceback."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

MISTAKES: list[tuple[list[str], str, str, str]] = [
    (["nix"], "usage", "There is no command 'nix'.", "--help"),
    (["scna"], "usage", "There is no command 'scna'.", "did you mean 'scan'?"),
    (["db", "veiw"], "usage", "There is no command 'veiw'.", "did you mean 'view'?"),
    (["--bogus"], "usage", "There is no option --bogus.", "`civitai-kit --help` lists"),
    (["scan", "--bogus"], "usage", "There is no option --bogus.", "`civitai-kit scan --help` lists"),
    (["scan", "--base", "x"], "usage", "There is no option --base.", "did you mean --base-model?"),
    (["scan", "--tpye", "x"], "usage", "There is no option --tpye.", "did you mean --type?"),
    (["db"], "usage", "No command was given.", "civitai-kit db --help"),
    (["--xyzzy"], "usage", "There is no option --xyzzy.", "--help"),
    (["scan", "--limt", "3"], "usage", "There is no option --limt.", "did you mean --limit?"),
    (["scan", "--no-limt"], "usage", "There is no option --no-limt.", ""),
    (["scan", "-Z"], "usage", "There is no option -Z.", "--help"),
    (["scan", "--limit"], "usage", "--limit", "`civitai-kit scan --help`"),
    (["db", "view", "--sort"], "usage", "--sort", "`civitai-kit db view --help`"),
    (["download", "-q"], "usage", "-q after a command is --query", "Quiet is --quiet, or -q before the command."),
    (["download", "-q", "--yes"], "usage", "-q/--query wants a value, and --yes is a flag.", "-q before the command."),
    (["scan", "--tag", "--nsfw"], "usage", "--tag/--tags wants a value, and --nsfw is a flag.", "scan --help"),
    (["scan", "--nsfw=maybe"], "usage", "--nsfw", ""),
    (["config", "show", "spare"], "usage", "spare", "--help"),
    (["scan", "--limit", "many"], "usage", "--limit: expected a whole number of at least 0, got 'many'.", ""),
    (["scan", "--limit", "-1"], "usage", "--limit: expected a whole number of at least 0", ""),
    (["scan", "--page-size", "500"], "usage", "--page-size: expected a whole number from 1 to 100", ""),
    (["scan", "--sort", "newest"], "usage", "--sort: expected one of", "did you mean 'Newest'?"),
    (["scan", "--period", "Decade"], "usage", "--period: expected one of", ""),
    (["scan", "--min-size", "big"], "usage", "--min-size: expected bytes", ""),
    (["scan", "--min-size", "2GB", "--max-size", "1GB"], "usage", "--max-size: expected no less than min_size", ""),
    (["scan", "--api-url", "civitai"], "usage", "--api-url: expected a URL", "https://civitai.com"),
    (["scan", "--api-url", "https://x.org/api"], "usage", "without path", "https://civitai.com"),
    (["scan", "--save-path", ""], "usage", "--save-path: expected a path", ""),
    (["scan", "--log-level", "loud"], "usage", "--log-level: expected one of", ""),
    (["scan", "--path-template", "{nix}/{file_name}"], "usage", "--path-template", ""),
    (["scan", "--config", "nix.toml"], "settings", "./nix.toml: there is no such file.", "config init"),
    (["scan", "--config", "."], "settings", "cannot be read", "- or /dev/stdin"),
    (["scan", "--config", "broken.toml"], "settings", "is not TOML: Invalid value (at line 2", "config init"),
    (["scan", "--config", "typo.toml"], "settings", "limt: there is no such setting (from ./typo.toml).", "'limit'"),
    (["scan", "--config", "wrong.toml"], "settings", "concurrency: expected a whole number from 1 to 64", ""),
    (["scan", "https://example.org/models/1"], "usage", "example.org", ""),
    (["scan", "what is this"], "usage", "what is this", "AIR"),
    (["scan", "0"], "usage", "0", ""),
    (["scan", "99999999999"], "usage", "99999999999", ""),
    (["scan", "--model-id", "x"], "usage", "--model-id: 'x' is no id.", "whole number"),
    (["scan", "--model-version-id", "1,-2"], "usage", "--model-version-id: '-2' is no id.", "whole number"),
    (["scan", "--from-file", "nix.txt"], "usage", "--from-file: nix.txt cannot be read", "Name a text file"),
    (["scan", "--from-file", "empty.txt"], "usage", "empty.txt names nothing to scan.", "One REF a line"),
    (["scan", "--from-file", "refs.txt"], "usage", "refs.txt, line 3:", ""),
    (["scan", "--from-file", "binary"], "usage", "binary", ""),
    (["scan", "-o", "nix/plan.json"], "not_writable", "-o nix/plan.json", "folder"),
    (["scan", "-o", "."], "not_writable", "-o . is a folder", ""),
    (["download", "--plan", "nix.json"], "usage", "--plan: nix.json cannot be read", "scan -o"),
    (["download", "--plan", "typo.toml"], "usage", "typo.toml", ""),
    (["download", "--plan", "newer.json"], "usage", "newer", ""),
    (["download", "--plan", "outside.json"], "usage", "outside.json, item 1", ""),
    (["download", "--plan", "typo.toml", "12"], "usage", "--plan goes with no REF and no filter", ""),
    (["download", "--plan", "typo.toml", "--tag", "x"], "usage", "--plan goes with no REF and no filter", ""),
    (["download", "-c", "0"], "usage", "--concurrency: expected a whole number from 1 to 64", ""),
    (["download", "--limit-rate", "fast"], "usage", "--limit-rate: expected bytes", ""),
    (["db", "view", "--status", "Dowloaded"], "usage", "--status: expected one of", "did you mean 'Downloaded'?"),
    (["db", "view", "--sort", "colour"], "usage", "--sort: expected one of", ""),
    (["config", "init", "--config", "typo.toml"], "usage", "is there already.", "--force"),
    (["--log-file", "nix/log.txt", "config", "show"], "not_writable", "log file", ""),
]


@pytest.fixture
def files(empty_home: Path) -> None:
    """What some of the mistakes are about."""
    (empty_home / "broken.toml").write_text("limit = 3\nlimit = = 4\n")
    (empty_home / "typo.toml").write_text("limt = 3\n")
    (empty_home / "wrong.toml").write_text("concurrency = 0\n")
    (empty_home / "empty.txt").write_text("# nothing\n\n")
    (empty_home / "refs.txt").write_text("12\n# fine so far\nhttps://example.org/\n")
    (empty_home / "binary").write_bytes(b"\xff\xfe\x00\x01")
    (empty_home / "newer.json").write_text(json.dumps({"schema": 99, "items": []}))
    item = {"version_id": 1, "file_id": 2, "path": "../../outside.safetensors"}
    (empty_home / "outside.json").write_text(json.dumps({"schema": 1, "items": [item]}))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "code", "sentence", "hint"), MISTAKES, ids=[" ".join(words) or "nothing" for words, *_ in MISTAKES]
)
def test_a_mistake_is_one_sentence_with_a_hint_and_a_code(
    words: list[str], code: str, sentence: str, hint: str, run: Run
) -> None:
    exit_code = {"usage": 2, "settings": 2, "not_writable": 9}[code]
    said = run(*words)
    assert said.code == exit_code and said.out == "", said
    assert said.err.startswith("error: ") and sentence in said.err and "Traceback" not in said.err
    assert len(said.err.splitlines()) <= 2 and hint in said.err
    document = run("--json", *words).document
    (row,) = document["errors"]
    assert row["code"] == code and sentence in row["message"] and document["data"] == {}
    assert hint in (row.get("hint") or "") and "\n" not in row["message"]


@pytest.mark.parametrize(("command", "good"), [("scan", "12"), ("images", "user:somebody")], ids=["scan", "images"])
def test_a_mistake_in_what_comes_through_a_pipe_names_standard_input(
    command: str, good: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{good}\nhttps://example.org/\n"))
    assert "error: standard input, line 2:" in run(command, "--from-file", "-").err
    monkeypatch.setattr("sys.stdin", io.StringIO("# nothing\n"))
    assert "error: standard input names nothing" in run(command, "--from-file", "-").err


@pytest.mark.usefixtures("files")
def test_the_command_is_named_also_where_it_was_not_understood(run: Run) -> None:
    assert run("--json", "db", "view", "--nix").document["command"] == "db view"
    assert run("scan", "--json", "--limit", "x").document["command"] == "scan"
    assert run("--json", "nix").document["command"] == ""
