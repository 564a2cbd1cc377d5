"""The log of questions and answers: lines of JSON behind those that are there, in a file that is ours."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from civitai_kit.core.errors import NotWritable
from civitai_kit.disk.api_log import ApiLog


@dataclass(frozen=True)
class Asked:
    url: str


def test_lines_go_behind_those_that_are_there(tmp_path: Path) -> None:
    for number in (1, 2):
        with ApiLog(tmp_path / "logs" / "api.log") as log:
            log.write(Asked(f"/ü/{number}"))
    lines = (tmp_path / "logs" / "api.log").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["url"] for line in lines] == ["/ü/1", "/ü/2"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_lies_in_the_logs_place_is_refused_and_unharmed(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"of a person")
    planted(kind, tmp_path / "api.log", precious)
    with pytest.raises(NotWritable):
        ApiLog(tmp_path / "api.log")
    assert precious.read_bytes() == b"of a person"


def planted(kind: str, place: Path, precious: Path) -> None:
    match kind:
        case "link":
            place.symlink_to(precious)
        case "hard link":
            place.hardlink_to(precious)
        case _:
            os.mkfifo(place)
