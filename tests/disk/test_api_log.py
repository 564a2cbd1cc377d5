"""The log of questions and answers: lines of JSON behind those that are there, in a file that is ours."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from civitai_kit.core.errors import Code, DiskError
from civitai_kit.disk.api_log import ApiLog


@dataclass(frozen=True)
class Asked:
    url: str


def test_lines_go_behind_those_that_are_there(tmp_path: Path) -> None:
    for number in (1, 2):
        with ApiLog(tmp_path / "logs" / "api.log", unheard) as log:
            log.write(Asked(f"/ü/{number}"))
    lines = (tmp_path / "logs" / "api.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["url"] for line in lines] == ["/ü/1", "/ü/2"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_lies_in_the_logs_place_is_refused_and_unharmed(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"of a person")
    planted(kind, tmp_path / "api.log", precious)
    told: list[DiskError] = []
    with ApiLog(tmp_path / "api.log", told.append) as log:
        log.write(Asked("/"))
    assert [error.code for error in told] == [Code.NOT_WRITABLE]
    assert precious.read_bytes() == b"of a person"


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_log_that_can_no_longer_be_written_is_said_once(tmp_path: Path) -> None:
    told: list[DiskError] = []
    with ApiLog(tmp_path / "api.log", told.append) as log:
        log.write(Asked("/1"))
        with limited_to(file_size=150):
            for number in (2, 3, 4):
                log.write(Asked(f"/{number}"))
    assert [error.code for error in told] == [Code.NOT_WRITABLE]


@contextmanager
def limited_to(file_size: int) -> Iterator[None]:
    """Within it no file grows beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def unheard(error: DiskError) -> None:
    raise AssertionError(error)


def planted(kind: str, place: Path, precious: Path) -> None:
    match kind:
        case "link":
            place.symlink_to(precious)
        case "hard link":
            place.hardlink_to(precious)
        case _:
            os.mkfifo(place)
