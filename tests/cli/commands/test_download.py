"""scan, download and db view as a person uses them, against the sandbox over real sockets."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from civitai_kit.testing import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Ran, Run

LORAS = ("--type", "lora", "--limit", "3")
ROW = {"model_id", "model_name", "version_id", "version_name", "file_id", "file_name", "type", "base_model", "path"}

ENTRY = {"key", "version_id", "model_id", "model_name", "version_name", "type", "base_model", "creator", "status"}


def on_disk(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def codes(ran: Ran) -> list[str]:
    """The codes of the errors."""
    return [row["code"] for row in ran.document["errors"]]


def planned(ran: Ran) -> dict[str, object]:
    """What a scan found; what is free is another number at every moment."""
    return {name: value for name, value in ran.data.items() if name != "free"}


def test_a_scan_shows_a_plan_and_writes_nothing(at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("scan", *LORAS)
    assert said.code == 0 and "3 files of 3 models" in said.out and "are free there." in said.out
    assert on_disk(empty_home) == set()


def test_a_scan_for_a_program_lists_items_and_skips(at_sandbox: Run) -> None:
    data = at_sandbox("scan", *LORAS, "--json").data
    assert len(data["items"]) == 3 and {"items", "skips", "total_size"} <= set(data)
    assert all(set(row) >= ROW | {"size", "sha256"} for row in data["items"])
    assert data["total_size"] == sum(row["size"] for row in data["items"])


def test_the_files_of_one_version_do_not_read_alike(at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("scan", "1002", "--all-versions", "-o", "plan.json", "--json")
    rows = said.data["items"]
    told = {tuple(row[name] for name in ("version_id", "format", "fp", "size_variant", "quant")) for row in rows}
    assert {"format", "fp", "size_variant", "quant"} <= set(rows[0]) and len(told) > 1
    saved = json.loads((empty_home / "plan.json").read_text(encoding="utf-8"))["items"]
    assert [(row["fp"], row["quant"]) for row in saved] == [(row["fp"], row["quant"]) for row in rows]
    table = at_sandbox("scan", "1002", "--all-versions").out
    assert "VARIANT" in table and "fp16" in table and "pruned" in table


def test_a_saved_plan_is_carried_out(at_sandbox: Run, empty_home: Path) -> None:
    assert at_sandbox("scan", *LORAS, "-o", "plan.json").code == 0
    plan = json.loads((empty_home / "plan.json").read_text(encoding="utf-8"))
    assert plan["schema"] == 1 and on_disk(empty_home) == {"plan.json"}
    data = at_sandbox("download", "--plan", "plan.json", "--yes", "--json").data
    assert [row["path"] for row in data["downloaded"]] != []
    assert {row["path"] for row in data["downloaded"]} == {row["path"] for row in plan["items"]}
    assert all((empty_home / "downloads" / row["path"]).stat().st_size == row["size"] for row in plan["items"])


def test_a_download_downloads_and_a_second_one_finds_it_there(at_sandbox: Run, empty_home: Path) -> None:
    ref = "1001"
    first = at_sandbox("download", ref, "--yes", "--json")
    assert first.code == 0 and first.data["failed"] == [] and first.data["bytes"] > 0
    landed = on_disk(empty_home / "downloads")
    assert {row["path"] for row in first.data["downloaded"]} <= landed
    second = at_sandbox("download", ref, "--yes", "--json")
    assert second.code == 0 and second.data["downloaded"] == [] and second.data["bytes"] == 0
    assert {row["reason"] for row in second.data["skipped"]} == {"have"}


def test_a_download_tells_a_person_what_it_does(at_sandbox: Run) -> None:
    said = at_sandbox("download", *LORAS, "--yes")
    assert said.code == 0 and said.out.startswith("Downloaded 3 files")
    assert len([line for line in said.err.splitlines() if line.startswith("done    ")]) == 3
    again = at_sandbox("download", "--type", "lora", "--tag", "nothing-has-this-tag", "--yes")
    assert again.code == 4 and "nothing-has-this-tag" in again.err


def test_without_a_yes_and_a_terminal_it_stops_and_leaves_no_trace(at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("download", *LORAS, "--json")
    assert said.code == 2 and codes(said) == ["usage"] and "--yes" in said.document["errors"][0]["hint"]
    assert on_disk(empty_home) == set()


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "nonsense\n"])
def test_a_no_leaves_no_trace(answer: str, at_sandbox: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, answer)
    said = at_sandbox("download", *LORAS)
    assert said.code == 0 and "Download 3 files" in said.err and said.out == "Nothing downloaded.\n"
    assert on_disk(empty_home) == set()


def test_a_yes_downloads(at_sandbox: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _answers(monkeypatch, "y\n")
    assert at_sandbox("download", *LORAS).out.startswith("Downloaded 3 files")


def _answers(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Let somebody sit at the terminal who types this."""
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    monkeypatch.setattr("civitai_kit.cli.output.console.Console.can_ask", property(lambda console: True))


def test_a_dry_run_is_a_scan(at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("download", *LORAS, "--dry-run", "--json")
    assert planned(said) == planned(at_sandbox("scan", *LORAS, "--json"))
    assert said.data["free"] > 0
    assert said.document["command"] == "download" and on_disk(empty_home) == set()


def test_metadata_alone_needs_no_yes_and_no_entry(at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("download", "1001", "--meta-only", "--json")
    assert said.code == 0 and said.data["saved"] and said.data["downloaded"] == []
    assert all((empty_home / "downloads" / path).is_file() for path in said.data["saved"])
    assert at_sandbox("db", "view", "--json").data["entries"] == []


def test_a_ref_overrides_the_filters_of_the_settings_but_not_typed_ones(
    at_sandbox: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_KIT_BASE_MODELS", "SD 1.5")
    monkeypatch.setenv("CIVITAI_KIT_QUERY", "nothing like it")
    assert {row["base_model"] for row in at_sandbox("scan", "1001", "--json").data["items"]} == {"Pony"}
    typed = at_sandbox("scan", "1001", "--base-model", "sd 1.5", "--json").data
    assert {row["base_model"] for row in typed["items"]} == {"SD 1.5"}
    other = at_sandbox("scan", "1001", "--base-model", "Kolors", "--json").data
    assert other["items"] == [] and {row["reason"] for row in other["skips"]} == {"base_model"}


def test_a_flag_that_means_nothing_beside_a_ref_is_said_so(at_sandbox: Run) -> None:
    said = at_sandbox("scan", "1001", "--sort", "Newest", "--no-nsfw")
    assert said.code == 0
    assert _warned(said) == ["--nsfw", "--sort"]
    assert _warned(at_sandbox("scan", "--model-version-id", "100101", "--all-versions")) == ["--all-versions"]
    assert _warned(at_sandbox("scan", "-q", "line", "--sort", "Newest", "--limit", "1")) == ["--sort"]


def _warned(said: Ran) -> list[str]:
    """The flags that warnings are about."""
    return [line.split()[1] for line in said.err.splitlines() if line.startswith("warning")]


def test_refs_come_from_a_file_and_from_stdin(
    at_sandbox: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    (empty_home / "refs.txt").write_text("# mine\n1001\n\n1001  # twice\n")
    asked = planned(at_sandbox("scan", "1001", "--json"))
    assert planned(at_sandbox("scan", "--from-file", "refs.txt", "--json")) == asked
    monkeypatch.setattr("sys.stdin", io.StringIO("1001\n"))
    assert planned(at_sandbox("scan", "--from-file", "-", "--json")) == asked
    assert planned(at_sandbox("scan", "--model-id", "1001", "--json")) == asked


def test_an_id_in_the_settings_is_a_ref_until_a_listing_is_asked_for(
    at_sandbox: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_KIT_MODEL_ID", "1001")
    assert {row["model_id"] for row in at_sandbox("scan", "--json").data["items"]} == {1001}
    assert len(at_sandbox("scan", *LORAS, "--json").data["items"]) == 3


def test_a_listing_page_is_the_selection_that_it_shows(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    site = civitai_sandbox.url
    for page, flags in (
        (f"{site}/models?types=LORA&baseModels=Pony&baseModels=SDXL+1.0", ("-t", "LORA", "-b", "Pony,SDXL 1.0")),
        ("civitai.com/models?tag=style&sort=Newest", ("--tag", "style", "--sort", "Newest")),
        ("https://civitai.red/tag/style", ("--tag", "style")),
    ):
        shown = at_sandbox("scan", page, "--json")
        assert shown.code == 0 and shown.data["items"] != []
        assert planned(shown)["items"] == planned(at_sandbox("scan", *flags, "--json"))["items"]


@pytest.mark.parametrize("end", ["", "/models", "/models?sort=Newest"])
def test_a_page_of_a_creator_is_all_that_is_theirs(end: str, at_sandbox: Run) -> None:
    whole = at_sandbox("scan", "--limit", "1", "--json").data["items"]
    creator = whole[0]["creator"]
    theirs = {row["file_id"] for row in at_sandbox("scan", "-u", creator, "--json").data["items"]}
    shown = at_sandbox("scan", f"civitai.com/user/{creator}{end}", "--json")
    assert {row["file_id"] for row in shown.data["items"]} == theirs != set()
    fewer = at_sandbox("scan", f"civitai.com/user/{creator}{end}", "--top", "1", "--json").data["items"]
    assert len({row["model_id"] for row in fewer}) == 1


def test_settings_do_not_narrow_a_page_but_flags_do(at_sandbox: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_KIT_MODEL_TYPES", "Checkpoint")
    monkeypatch.setenv("CIVITAI_KIT_PERIOD", "Day")
    page = "civitai.com/models?types=LORA"
    rows = at_sandbox("scan", page, "1002", "--json").data["items"]
    assert {"LORA", "Checkpoint"} == {row["type"] for row in rows}
    typed = at_sandbox("scan", page, "-b", "Pony", "--json").data["items"]
    assert {row["base_model"] for row in typed} == {"Pony"}


def test_what_a_page_asks_for_and_we_cannot_is_said(at_sandbox: Run) -> None:
    said = at_sandbox("scan", "civitai.com/models?types=LORA&fileFormats=GGUF&view=feed", "--top", "2")
    assert said.code == 0 and _warned(said) == ["fileFormats"]
    wrong = at_sandbox("scan", "civitai.com/models?types=LORA&sort=Loudest", "--json")
    assert (wrong.code, codes(wrong)) == (2, ["usage"]) and "Loudest" in wrong.document["errors"][0]["message"]


@pytest.mark.parametrize("command", ["scan", "download", "images"])
def test_a_collection_is_refused_in_a_clear_sentence(command: str, run: Run) -> None:
    (error,) = run(command, "https://civitai.com/collections/1", "--json").document["errors"]
    assert error["code"] == "usage" and "collections cannot be read yet" in error["message"]


def test_what_cannot_be_had_is_an_error_with_its_own_number(at_sandbox: Run) -> None:
    said = at_sandbox("scan", "1999999", "--json")
    assert (said.code, codes(said)) == (4, ["not_found"])
    mixed = at_sandbox("scan", "1001", "1999999", "--json")
    assert mixed.code == 7 and codes(mixed) == ["not_found"] and mixed.data["items"]


@pytest.mark.parametrize("command", ["scan", "download"])
@pytest.mark.parametrize("words", [(), ("--sort", "Newest", "--nsfw"), ("--yes", "--all-versions")])
def test_the_whole_site_is_walked_only_when_somebody_says_so(
    command: str, words: tuple[str, ...], at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    if command == "scan":
        words = tuple(word for word in words if word != "--yes")
    said = at_sandbox(command, *words, "--json")
    (error,) = said.document["errors"]
    assert (said.code, error["code"]) == (2, "usage") and "--all" in error["hint"]
    assert error["message"] == f"Nothing narrows this {command}: it would walk the whole site."
    assert list(civitai_sandbox.requests) == []


@pytest.mark.parametrize("words", [("--all",), ("--limit", "0"), ("--top", "5"), ("--primary-only",), ("-p", "Month")])
def test_a_criterion_a_bound_or_all_is_enough(words: tuple[str, ...], at_sandbox: Run) -> None:
    said = at_sandbox("scan", *words, "--json")
    assert said.code == 0


def test_settings_that_only_leave_files_out_do_not_narrow_a_scan(
    at_sandbox: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAI_KIT_PRIMARY_ONLY", "true")
    monkeypatch.setenv("CIVITAI_KIT_IGNORE_TAGS", "anime")
    assert at_sandbox("scan").code == 2
    monkeypatch.setenv("CIVITAI_KIT_MODEL_TYPES", "LORA")
    assert at_sandbox("scan").code == 0


def test_the_top_of_a_listing_does_not_grow_from_run_to_run(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    first = at_sandbox("download", "--top", "3", "--sort", "Newest", "--yes", "--json")
    rows = first.data["downloaded"] + first.data["skipped"]
    assert len({row["model_id"] for row in rows}) == 3
    listings = [record for record in civitai_sandbox.requests if record.path == "/api/v1/models"]
    assert {record.query.partition("&")[0] for record in listings} == {"limit=3"}
    again = at_sandbox("download", "--top", "3", "--sort", "Newest", "--yes", "--json")
    assert again.data["downloaded"] == [] and "have" in {row["reason"] for row in again.data["skipped"]}


def test_all_and_top_mean_nothing_beside_a_ref(at_sandbox: Run) -> None:
    assert _warned(at_sandbox("scan", "1001", "--all", "--top", "3")) == ["--top", "--all"]


def test_no_network_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_KIT_MAX_RETRIES", "0")
    said = run("scan", "--all", "--api-url", "http://127.0.0.1:9", "--json")
    assert (said.code, codes(said)) == (5, ["network"]) and said.document["errors"][0]["hint"]


def test_a_wrong_hash_is_a_failure_with_its_own_number(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("wrong_bytes", None)
    said = at_sandbox("download", "1001", "--primary-only", "--yes", "--json")
    assert (said.code, set(codes(said))) == (8, {"hash_mismatch"})
    assert said.data["downloaded"] == [] and said.data["failed"][0]["code"] == "hash_mismatch"


def test_a_word_that_the_site_refuses_is_said_in_our_words(at_sandbox: Run) -> None:
    (row,) = at_sandbox("scan", "--type", "lorra", "--json").document["errors"]
    assert (row["code"], row["message"]) == ("usage", "The site knows no model type 'lorra'.")
    assert row["hint"] == "Did you mean 'LORA'?"
    said = at_sandbox("download", "--type", "qqqq", "--yes")
    assert said.code == 2 and "It takes Checkpoint, TextualInversion" in said.err and "and 15 more." in said.err


def test_many_failures_of_one_cause_are_one_error_with_one_remedy(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("wrong_bytes", None)
    said = at_sandbox("download", "1002", "--yes")
    failed = [line for line in said.err.splitlines() if line.startswith("failed  ")]
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(failed) == 6 and not any("/" in line for line in failed)
    assert len(errors) == 1 and errors[0].startswith("error: 6 files: ")
    assert said.err.count("and 3 more") == 1 and said.err.count("--allow-hash-mismatch") == 1


def test_the_id_of_a_version_typed_as_a_models_is_told_where_it_goes(at_sandbox: Run) -> None:
    assert "--model-version-id" in at_sandbox("scan", "100102").err
    assert "--model-version-id" not in at_sandbox("scan", "--model-version-id", "5").err


def test_a_save_path_that_is_a_file_is_9(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "file").write_text("")
    for words in (("scan", *LORAS), ("db", "view"), ("download", *LORAS, "--dry-run")):
        assert at_sandbox(*words, "--save-path", "file", "--json").code == 9
    said = at_sandbox("download", *LORAS, "--yes", "--save-path", "file", "--json")
    assert (said.code, codes(said)) == (9, ["not_writable"])


def test_the_key_is_in_no_word_of_a_debugging_log(at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path) -> None:
    words = ("--log-level", "debug", "--log-file", "log.txt", "--log-api", "--yes")
    said = at_sandbox("download", "1001", *words)
    log = (empty_home / "log.txt").read_text(encoding="utf-8")
    assert said.code == 0 and "FileDone" in log and "FileDone" in said.err
    everything = said.out + said.err + log + (empty_home / "downloads" / "api.log").read_text(encoding="utf-8")
    assert civitai_sandbox.api_key not in everything


# db view


def test_without_a_database_there_are_no_entries_and_none_is_made(run: Run, empty_home: Path) -> None:
    assert run("db", "view", "--json").data == {"entries": []}
    said = run("db", "view")
    assert (said.code, said.out) == (0, "No entries.\n") and on_disk(empty_home) == set()


def test_the_entries_are_listed_filtered_and_sorted(at_sandbox: Run) -> None:
    assert at_sandbox("download", "--limit", "5", "--yes").code == 0
    entries = at_sandbox("db", "view", "--json").data["entries"]
    assert len(entries) == 5 and all(set(entry) >= ENTRY for entry in entries)
    assert all(entry["key"] == f"v_{entry['version_id']}" for entry in entries)
    assert all(set(file) == {"file_id", "path", "size", "sha256", "status"} for e in entries for file in e["files"])
    kind, base = entries[0]["type"], entries[0]["base_model"]
    for flags, kept in (
        (("--type", kind.upper()), [e for e in entries if e["type"] == kind]),
        (("--base-model", base.lower()), [e for e in entries if e["base_model"] == base]),
        (("--status", "downloaded,Error"), [e for e in entries if e["status"] in {"Downloaded", "Error"}]),
        (("--sort", "name"), sorted(entries, key=lambda e: (e["model_name"].casefold(), e["version_name"]))),
        (("--sort", "size"), sorted(entries, key=lambda e: -e["size"])),
    ):
        found = at_sandbox("db", "view", *flags, "--json").data["entries"]
        assert [e["key"] for e in found] == [e["key"] for e in kept], flags
    text = at_sandbox("db", "view").out
    assert all(entry["key"] in text for entry in entries) and "5 entries" in text


def test_a_plan_goes_through_a_pipe(at_sandbox: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = at_sandbox("scan", *LORAS, "-o", "-")
    assert ran.code == 0 and "to downloads" in ran.err and list(empty_home.iterdir()) == []
    monkeypatch.setattr("sys.stdin", io.StringIO(ran.out))
    assert len(at_sandbox("download", "--plan", "-", "--yes", "--json").data["downloaded"]) == 3
    assert at_sandbox("scan", *LORAS, "-o", "-", "--json").code == 2
    assert "anime" in at_sandbox("tags", "-o", "-").out and not Path("-").exists()


@pytest.mark.parametrize(
    ("flag", "typed", "meant"),
    [("--format", "safetensors", "SafeTensor"), ("--file-type", "training", "Training Data")],
)
def test_a_word_that_no_file_has_is_told_with_what_was_meant(
    at_sandbox: Run, flag: str, typed: str, meant: str
) -> None:
    ran = at_sandbox("scan", "1001", flag, typed)
    assert ran.code == 0 and f"Did you mean {meant!r}?" in ran.err
    assert "Did you mean" not in at_sandbox("scan", "1001", flag, meant.lower()).err
