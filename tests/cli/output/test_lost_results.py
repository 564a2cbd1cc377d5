"""Results that cannot be written are no success, whatever the command; a reader that left is none of that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import Program

COMMANDS = (
    *(
        "--help",
        "--version",
        "",
        "scan --help",
        "scan --json --help",
        "config path",
        "config show",
        "config show --json",
    ),
    *("db view", "db view --json", "db stats", "db stats --json", "db export -", "clean", "clean --json"),
    *("--show-completion bash", "db export /dev/stdout"),
)
# Each way of writing once: the page that is ready, Typer's, lines, JSON, an export, a script for a shell.
CLOSED = ("--help", "", "scan --help", "config path", "db view --json", "db export -", "--show-completion bash")

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash, where `kit` is the program."""
    kit = f"kit() {{ '{sys.executable}' -m civitai_kit \"$@\"; }}; "
    return subprocess.run(["bash", "-c", kit + line], capture_output=True, check=False, timeout=120)


def is_said(code: int, err: bytes, end: str = "") -> bool:
    """Whether a command failed with one sentence about its output."""
    first, *rest = err.decode().splitlines()
    assert first.startswith("error: ") and "cannot be written: " in first and first.endswith(end), err
    return code == 9 and len(rest) <= 1 and "Traceback" not in err.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_stdout_is_a_failure_with_a_sentence(command: str, empty_home: Path, program: Program) -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        running = program.start(command.split(), stdout=full.fileno())
    _, err = running.communicate()
    assert is_said(running.wait(), err, "No space left on device.")


@pytest.mark.parametrize("command", CLOSED)
def test_a_closed_stdout_is_a_failure_with_a_sentence(command: str, empty_home: Path) -> None:
    ran = shell(f"kit {command} >&-")
    assert is_said(ran.returncode, ran.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_left_is_no_failure_and_no_word(command: str, empty_home: Path, program: Program) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        running = program.start(command.split(), stdout=gone.fileno())
    _, err = running.communicate()
    assert running.wait() == 0 and b"rror" not in err


def test_a_command_that_failed_says_both(empty_home: Path) -> None:
    ran = shell("kit scan --json >/dev/full")
    assert ran.returncode == 9 and b"standard output cannot be written" in ran.stderr


def test_no_file_takes_the_place_of_a_closed_stream(empty_home: Path) -> None:
    assert shell("kit db export a.jsonl >&- 2>&-").returncode == 9
    assert (empty_home / "a.jsonl").read_bytes().startswith(b"{")


def test_what_a_shell_gives_for_a_process_is_written_to(empty_home: Path) -> None:
    ran = shell("kit db export >(cat >copy.jsonl); wait; kit db export /dev/stdout >all; sleep 0.2; cat copy.jsonl")
    assert ran.returncode == 0 and b"civitai-kit" in ran.stdout
    lines = (empty_home / "all").read_bytes().splitlines()
    assert lines[0].startswith(b"{") and lines[-1].startswith(b"Exported")


def test_a_log_that_fills_up_is_a_warning(empty_home: Path) -> None:
    ran = shell("kit db view --log-level debug --log-file /dev/full")
    assert ran.returncode == 0 and b"Traceback" not in ran.stderr and b"Logging error" not in ran.stderr
