"""`civitai-kit sandbox`, as another process sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from civitai_kit.cli.main import main
from civitai_kit.sandbox.faults import FAULTS

COMMAND = [sys.executable, "-m", "civitai_kit", "sandbox"]


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_it_says_where_it_is_serves_and_ends_well_on_ctrl_c() -> None:
    with started("--json", "--fault", "overloaded:2:retry_after=9") as process:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline())
        url = answer["data"]["url"]
        assert answer["exit_code"] == 0 and answer["data"]["api_key"] == "sandbox-key"
        replies = [httpx2.get(f"{url}/api/v1/models", verify=False) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [503, 503, 200]
        assert replies[0].headers["retry-after"] == "9"
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=10)
        assert process.returncode == 0 and rest == "" and "closed" in said


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_for_people_it_says_how_to_point_a_command_at_it() -> None:
    with started("--port", "0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(9)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 0
    assert any("--api-url http://127.0.0.1:" in line for line in lines)
    assert any("CIVITAI_API_KEY=sandbox-key" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "nope"), "there is no fault 'nope'"),
        (("--fault", "cut:x"), "--fault cut:x"),
        (("--fault", "cut:byte=5"), "not ['byte']"),
        (("--port", "70000"), "is no port"),
        (("--host", "192.0.2.1"), "cannot listen there"),
    ],
)
def test_what_cannot_be_is_a_usage_error(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", *words]) == 2
    heard = capsys.readouterr()
    assert said in heard.err and heard.out == ""


def test_the_faults_are_listed_with_their_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--list-faults", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["data"]["faults"]
    assert [row["name"] for row in listed] == list(FAULTS)
    main(["sandbox", "--list-faults"])
    for_people = capsys.readouterr().out
    assert all(fault.sentence in for_people for fault in FAULTS.values())


def test_the_help_shows_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--api-url" in shown and "--fault" in shown and "CIVITAI_API_KEY" in shown
