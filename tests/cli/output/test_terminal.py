"""What reaches a terminal: cleaned text, lines that fit, progress, plans and reports."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.cli.output.console import Console, Outcome, of_report
from civitai_kit.cli.output.plan_view import MOST_ROWS, WORDS, plan_lines, report_lines
from civitai_kit.cli.output.progress import Progress
from civitai_kit.cli.output.progress_lines import frame
from civitai_kit.cli.output.safe_text import cut, padded, shown, width
from civitai_kit.cli.output.tables import table
from civitai_kit.core.amounts import counted
from civitai_kit.core.codes import Code
from civitai_kit.core.errors import CivitaiKitError, HashMismatch, Interrupted, UsageError
from civitai_kit.core.events import (
    Asked,
    FileDone,
    FileFailed,
    FileKept,
    FileMoved,
    FileStarted,
    FileWaits,
    PageRead,
    RunStarted,
    SiteWaits,
    Warned,
)
from civitai_kit.core.plans.plan import Item, Plan, Reason, Skip
from civitai_kit.core.plans.report import Failure, Report
from civitai_kit.core.remedies import REMEDIES
from civitai_kit.core.under_way import SpeedMeter, State


def item(number: int = 1, **facts: object) -> Item:
    """A file to fetch."""
    known = {
        "model_id": number,
        "model_name": f"Model {number}",
        "version_id": number,
        "version_name": "v1",
        "file_id": number,
        "file_name": f"file_{number}.safetensors",
        "type": "LORA",
        "base_model": "SDXL 1.0",
        "path": f"lora/{number}/file_{number}.safetensors",
        "size": 1_000_000,
    }
    return Item(**{**known, **facts})  # type: ignore[arg-type]


# Cleaning


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b2Jb", "ab"),
        ("line\r\nbreak\u2028here", "line  break here"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("\u2066x\u2069\u200f", "x"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800half", "half"),
        ("bell\x07\x00\x7f", "bell"),
        ("日本語 モデル", "日本語 モデル"),
        ("👩\u200d🎨", "👩\u200d🎨"),
    ],
)
def test_text_from_strangers_cannot_speak_to_the_terminal(text: str, clean: str) -> None:
    assert shown(text) == clean


@given(st.text())
def test_cleaned_text_is_one_line_without_controls_and_stays_as_it_is(text: str) -> None:
    clean = shown(text)
    assert len(clean.splitlines()) <= 1
    assert not set(clean) & {"\x1b", "\x9b", "\r", "\n", "\t", "\u202e", "\u2066"}
    assert shown(clean) == clean
    clean.encode("utf-8")


@given(st.text(), st.integers(1, 60))
def test_a_cut_text_takes_no_more_than_its_columns(text: str, columns: int) -> None:
    clean = shown(text)
    assert width(cut(clean, columns)) <= columns
    assert width(padded(cut(clean, columns), columns)) == columns


def test_a_cut_name_keeps_its_beginning_and_its_ending() -> None:
    assert cut("a_very_long_name_indeed.safetensors", 20) == "a_very_long_n…ensors"
    assert width("日本語") == 6 and cut("日本語モデル", 7) == "日本…ル"


# Plans and reports


def test_a_plan_lists_its_files_and_says_what_it_skips_and_whether_it_fits() -> None:
    skips = (Skip(reason=Reason.HAVE), Skip(reason=Reason.HAVE), Skip(reason=Reason.EARLY_ACCESS))
    lines = plan_lines(Plan(items=(item(1), item(2)), skips=skips), "downloads", 5_000_000_000)
    assert "file_1.safetensors" in lines[1] and "1 MB" in lines[1]
    assert "2 files of 2 models, 2 MB, to downloads" in lines
    assert "It fits: 5.0 GB are free there." in lines
    assert lines[-1] == "Skipped 3: 2 already there, 1 early access (--early-access)."


def test_a_report_tells_the_skips_that_nobody_has_read_of_yet() -> None:
    early, have = Skip(reason=Reason.EARLY_ACCESS), Skip(reason=Reason.HAVE)
    report = Report(downloaded=(item(1),), skipped=(have, early))
    assert [*report_lines(report)][-1] == "Skipped 2: 1 already there, 1 early access (--early-access)."
    assert [*report_lines(report, told=(early,))][-1] == "Skipped 1: 1 already there."
    assert [*report_lines(report, told=(early, have))][-1].startswith("Downloaded")


def test_a_plan_that_does_not_fit_says_so() -> None:
    lines = plan_lines(Plan(items=(item(1, size=3_000_000_000),)), "downloads", 1_000_000_000)
    assert "It does not fit: 1.0 GB are free there, 2.0 GB too few." in lines


def test_a_long_plan_shows_its_beginning_and_counts_the_rest() -> None:
    lines = plan_lines(Plan(items=tuple(item(n) for n in range(1, 101))), "downloads", None)
    assert f"… and {100 - MOST_ROWS} more files" in lines and len(lines) < 40


def test_a_file_of_unknown_size_is_counted_apart() -> None:
    lines = plan_lines(Plan(items=(item(1), item(2, size=None))), "downloads", None)
    assert "2 files of 2 models, 1 MB and 1 file of unknown size, to downloads" in lines


def test_names_in_a_plan_are_cleaned() -> None:
    lines = plan_lines(Plan(items=(item(1, model_name="\x1b[2Jevil", file_name="a\u202eb"),)), "x", None)
    assert not any("\x1b" in line or "\u202e" in line for line in lines)


def test_every_reason_has_words_and_every_failure_a_remedy() -> None:
    assert set(WORDS) == set(Reason)
    own = {Code.USAGE, Code.SETTINGS, Code.INTERRUPTED}
    assert set(REMEDIES) == set(Code) - own


def test_a_report_says_what_came_of_it() -> None:
    failed = (Failure(item(2), HashMismatch("The bytes are not those promised.")),)
    report = Report(downloaded=(item(1),), failed=failed, resumed_bytes=500_000, bytes=500_000)
    assert [*report_lines(report)] == ["Downloaded 1 file, 1 MB, 500 kB of it from an earlier run.", "Failed 1 file."]


def test_a_stop_says_what_was_kept_and_what_was_not_begun() -> None:
    stopped = Interrupted("Stopped.")
    report = Report(failed=(Failure(item(1), stopped),), left=3)
    line = "Stopped. 614 kB of 1 file kept, 3 files not begun; the same command goes on from here."
    assert [*report_lines(report, kept=614_000)] == [line]
    assert [*report_lines(Report(downloaded=(item(1),), errors=(stopped,)))][-1] == (
        "Stopped. The same command goes on from here."
    )
    both = Report(failed=(Failure(item(1), stopped), Failure(item(2), HashMismatch("Wrong bytes."))), left=1)
    assert [*report_lines(both)] == [
        "Failed 1 file.",
        "Stopped. 1 file begun, 1 file not begun; the same command goes on from here.",
    ]


def test_a_stop_is_told_once_to_a_person_and_whole_to_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(failed=(Failure(item(1), Interrupted("Stopped.")),), left=3)
    outcome = of_report(report, kept=614_000)
    Console(color=False).show("download", outcome)
    said = capsys.readouterr()
    assert said.err == "" and said.out.startswith("Stopped. 614 kB") and outcome.exit_code == 130
    Console(as_json=True).show("download", outcome)
    assert capsys.readouterr().out.count('"interrupted"') == 2


def test_what_a_stop_breaks_off_is_kept_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Console(color=False)) as progress:
        progress(RunStarted(2, 2_000_000))
        progress(FileStarted("a", 1_000_000))
        progress(FileMoved("a", 614_000, 1_000_000))
        progress(FileFailed("a", Interrupted("Stopped.")))
    assert (progress.state.kept_bytes, progress.state.failed) == (614_000, 0) and capsys.readouterr().err == ""


def test_things_are_counted_in_words() -> None:
    assert [counted(number, "entry") for number in (0, 1, 1204)] == ["0 entries", "1 entry", "1,204 entries"]


def test_a_table_cuts_the_flexible_column_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("civitai_kit.cli.output.tables.columns", lambda: 40)
    lines = table(["A", "NAME"], [["1", "x" * 100], ["22", "日本" * 40]], flexible=1, right=[0])
    assert all(width(line) <= 40 for line in lines) and lines[1].startswith(" 1  x")


@pytest.mark.parametrize("room", [60, 80, 120])
def test_a_plan_fits_the_terminal_whatever_its_names(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("civitai_kit.cli.output.tables.columns", lambda: room)
    names = ("x" * 90, "日本語のモデル" * 9, "🎨🖼️ art " * 9, "short")
    items = tuple(
        item(number, model_name=name, version_name=name, file_name=f"{name}.safetensors", base_model="Illustrious")
        for number, name in enumerate(names)
    )
    skips = tuple(Skip(reason=reason) for reason in Reason)
    lines = plan_lines(Plan(items=items, skips=skips), "downloads", None)
    assert all(width(line) <= room for line in lines)
    assert "MODEL" in lines[0] and "FILE" in lines[0] and ("VERSION" in lines[0]) is (room > 60)


def test_a_table_never_cuts_numbers_and_whole_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("civitai_kit.cli.output.tables.columns", lambda: 30)
    lines = table(["SIZE", "HASH", "FILE"], [["123 kB", "f" * 40, "x" * 99]], flexible=2, right=(0,), whole=(1,))
    assert "123 kB" in lines[1] and "f" * 40 in lines[1]


# Progress


def moving() -> State:
    """Two files of three on their way, one done."""
    state = State()
    for event in (
        RunStarted(3, 3_000_000),
        FileStarted("lora/a/" + "n" * 200 + ".safetensors", 1_000_000),
        FileStarted("lora/b/two.safetensors", None),
        FileStarted("lora/c/three.safetensors", 1_000_000),
        FileDone("lora/c/three.safetensors", 1_000_000, 1_000_000, 0),
    ):
        state.take(event, 0.0)
    for second in range(1, 5):
        state.take(FileMoved("lora/a/" + "n" * 200 + ".safetensors", 100_000 * second, 1_000_000), float(second))
    return state


def test_progress_shows_size_speed_and_time_left_of_each_file_and_of_all() -> None:
    lines = frame(moving(), 4.0, 90, 24)
    assert "40%" in lines[0] and "100 kB/s" in lines[0] and "6 s" in lines[0]
    assert lines[1].startswith("two.safetensors") and "?" in lines[1]
    assert lines[-1].startswith("1 of 3 files  1 MB of 3 MB  100 kB/s")


@given(st.integers(10, 200), st.integers(1, 60))
def test_progress_never_leaves_the_terminal(columns: int, rows: int) -> None:
    lines = frame(moving(), 4.0, columns, rows)
    assert all(width(line) <= columns for line in lines) and len(lines) <= max(rows, 3)


def test_a_pause_shows_its_reason_until_bytes_move_again() -> None:
    state = moving()
    state.take(FileWaits("lora/b/two.safetensors", 9.0, "the site is busy"), 4.0)
    assert "the site is busy" in frame(state, 4.0, 120, 24)[1]
    state.take(FileMoved("lora/b/two.safetensors", 5, 10), 5.0)
    assert "the site is busy" not in frame(state, 5.0, 120, 24)[1]


def test_a_try_from_zero_gives_no_negative_speed() -> None:
    pace = SpeedMeter()
    for now, done in ((0.0, 100), (1.0, 200), (2.0, 0), (3.0, 50)):
        pace.mark(now, done)
    assert pace.speed(3.0) == 50


def test_what_was_asked_about_is_told_in_a_line() -> None:
    state = State()
    state.take(Asked(5, "version"), 0.0)
    assert frame(state, 0.0, 80, 24) == ["5 versions asked about"]


def test_a_silent_host_has_no_speed_once_its_last_bytes_are_old() -> None:
    pace = SpeedMeter()
    for now in (0.0, 1.0, 2.0):
        pace.mark(now, int(1_000_000 * now))
    assert pace.speed(2.0) == 1_000_000 and pace.speed(8.0) == 0


def test_reading_pages_is_told_in_a_line() -> None:
    state = State()
    state.take(PageRead(3, 300, 41), 0.0)
    assert frame(state, 0.0, 80, 24) == ["page 3: 300 models read, 41 files to fetch"]
    state.take(SiteWaits(30, "too many requests"), 0.0)
    assert "too many requests" in frame(state, 0.0, 80, 24)[0]


def test_without_a_terminal_each_finished_item_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Console(color=False)) as progress:
        progress(RunStarted(3, 3))
        progress(FileStarted("a\x1b[31m", 1))
        progress(FileMoved("a\x1b[31m", 1, 1))
        progress(FileDone("a\x1b[31m", 2_000_000, 1, 1_000_000))
        progress(FileKept("b", 5))
        progress(FileFailed("c", HashMismatch("Wrong bytes.")))
        progress(SiteWaits(30, "busy"))
        progress(SiteWaits(0.5, "polite"))
        progress(Warned("Odd.", "Look."))
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines() == [
        "done    a  2 MB (1 MB kept from before)",
        "there   b  5 B",
        "failed  c  Wrong bytes.",
        "waiting 30 s: busy",
        "warning: Odd. Look.",
    ]


def test_quiet_says_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True, color=False)
    with Progress(console) as progress:
        progress(FileDone("a", 1, 1, 0))
        progress(Warned("Odd."))
    console.show("scan", Outcome(errors=[UsageError("No.", hint="Yes.").as_row()], exit_code=2))
    assert capsys.readouterr().err == "error: No.\n       Yes.\n"


# The console


def test_an_answer_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.show("scan", Outcome(data={"a": 1}))
    console.show("scan", Outcome(data={"a": 2}))
    assert capsys.readouterr().out.count("schema") == 1


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ((99,), "error: version 99: Model not found\n"),
        ((99, 98), "error: 2 times: Model not found\n       version 99, version 98\n"),
        ((1, 2, 3, 4, 5), "error: 5 times: Model not found\n       version 1, version 2, version 3 and 2 more\n"),
    ],
)
def test_an_error_says_of_which_version_it_is(
    ids: tuple[int, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [CivitaiKitError("Model not found", code=Code.UNAVAILABLE, version_id=each).as_row() for each in ids]
    Console(color=False).show("scan", Outcome(errors=rows, exit_code=5))
    assert capsys.readouterr().err.startswith(said)


def test_an_error_that_names_its_id_does_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    row = CivitaiKitError("No model with id 5", code=Code.NOT_FOUND, model_id=5).as_row()
    Console(color=False).show("scan", Outcome(errors=[row], exit_code=4))
    assert capsys.readouterr().err.startswith("error: No model with id 5\n")


def test_many_errors_are_cut_for_a_person_and_whole_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [CivitaiKitError(f"No {n}.", code=Code.NOT_FOUND).as_row() for n in range(50)]
    Console(color=False).show("scan", Outcome(errors=errors, exit_code=4))
    assert "… and 30 more; --json lists them all." in capsys.readouterr().err
    Console(as_json=True).show("scan", Outcome(errors=errors, exit_code=4))
    assert capsys.readouterr().out.count("not_found") == 50


def test_errors_of_one_cause_are_told_together_and_a_remedy_once(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"code": "login_required", "message": "Log in.", "file_id": n, "path": f"lora/{n}/file_{n}.safetensors"}
        for n in range(40)
    ]
    other = {"code": "not_found", "message": "Gone.", "file_id": 41, "path": "lora/41/x.safetensors", "hint": "Look."}
    two = [{**other, "message": "Twice.", "file_id": n, "path": f"vae/{n}.pt"} for n in (1, 2)]
    Console(color=False).show("download", Outcome(errors=[*rows[:20], other, *rows[20:], *two], exit_code=7))
    remedy = REMEDIES[Code.LOGIN_REQUIRED]
    assert capsys.readouterr().err.splitlines() == [
        "error: 40 files: Log in.",
        "       file_0.safetensors, file_1.safetensors, file_2.safetensors and 37 more",
        f"       {remedy}",
        "error: lora/41/x.safetensors: Gone.",
        "error: 2 files: Twice.",
        "       vae/1.pt",
        "       vae/2.pt",
        "       Look.",
    ]


def test_a_person_reads_errors_broken_between_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    console = Console(color=False)
    console.warn("The lock could not be had within the time.")
    console.show("scan", Outcome(errors=[UsageError("This cannot be what was meant at all.").as_row()]))
    assert capsys.readouterr().err.splitlines() == [
        "warning: The lock could not be",
        "       had within the time.",
        "error: This cannot be what was",
        "       meant at all.",
    ]


def test_a_failure_without_hint_gets_the_remedy_of_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    Console(color=False).show("scan", Outcome(errors=[CivitaiKitError("Full.", code=Code.DISK_FULL).as_row()]))
    assert "Make room" in capsys.readouterr().err


def test_a_question_without_anybody_to_answer_names_the_flag() -> None:
    with pytest.raises(UsageError) as caught:
        Console().ask("Download 3 files?", flag="--yes")
    assert caught.value.exit_code == 2 and "--yes" in (caught.value.hint or "")


def test_a_reader_that_went_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Gone:
        encoding = "utf-8"

        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise OSError

    monkeypatch.setattr(sys, "stdout", Gone())
    console = Console()
    console.show("scan", Outcome(lines=["a"]))
    assert capsys.readouterr().err == ""


def test_words_that_the_terminal_cannot_spell_are_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    import io

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Console().show("scan", Outcome(lines=["日本"]))
    Console(as_json=True).show("scan", Outcome(data={"name": "日本"}))
    assert raw.getvalue().splitlines()[0] == rb"\u65e5\u672c" and rb'"\u65e5\u672c"' in raw.getvalue().splitlines()[1]
