"""What somebody typed may be of any length; what is said of it is a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.overlong import cut_in_the_middle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

LONG = "x" * 100_000
PLACES = [
    "db export {}",
    "db import {}",
    "db search {}",
    "db redownload {}",
    "db delete --yes --model-id {}",
    "--save-path {} db view",
    "--save-path {} download 1001 --yes",
    "--save-path {} images 12",
    "--database {} db view",
    "--database {} download 1001 --yes",
    "--config {} db view",
    "--log-file {} db view",
    "--log-level {} db view",
    "--api-url {} scan 1001",
    "scan {}",
    "scan --{}",
    "scan --type {} --limit 1",
    "scan --tag {} --limit 1",
    "scan --min-size {} 1001",
    "scan --from-file {}",
    "scan 1001 -o {}",
    "download --plan {}",
    "download --yes 1001 --path-template {{version_id}}/{}/{{file_name}}",
    "images -o {} --username painter",
    "tags --output {}",
    "tags {}",
    "torrent --announce {}",
    "torrent --announce http://127.0.0.1 -o {}",
    "config init --config {}",
    "clean --save-path {}",
    "library scan {}",
    "{}",
    "db {}",
]


@pytest.mark.parametrize("place", PLACES)
def test_an_overlong_value_is_a_bounded_sentence_and_never_unforeseen(at_sandbox: Run, place: str) -> None:
    words = [word.format(LONG) for word in place.split()]
    said = at_sandbox("--json", *words)
    assert all(row["code"] != "unforeseen" for row in said.document["errors"]), said.out[:500]
    assert all(len(row["message"]) <= 1000 for row in said.document["errors"])
    assert len(said.err) < 5000
    spoken = at_sandbox(*words)
    assert spoken.code == said.code and len(spoken.err) < 5000
    assert all(len(line) <= 1000 for line in spoken.err.splitlines())


def test_a_line_on_the_terminal_is_bounded_whatever_path_a_plan_names(at_sandbox: Run, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    at_sandbox("scan", "1001", "-o", str(plan))
    content = json.loads(plan.read_text())
    content["items"][0]["path"] = "a/" * 2000 + "x.safetensors"
    plan.write_text(json.dumps(content))
    said = at_sandbox("download", "--yes", "--plan", str(plan))
    assert said.code == 2 and "error: " in said.err
    assert all(len(line) <= 1000 for line in said.err.splitlines())


def test_the_error_keeps_its_beginning_and_its_end() -> None:
    error = NotWritable(f"The folder /{'y' * 5000} cannot be written: Permission denied.")
    assert error.message.startswith("The folder /yyy") and error.message.endswith("Permission denied.")
    assert len(error.message) == 1000


@given(st.text(), st.integers(3, 60))
def test_no_text_is_longer_than_it_may_be_and_a_short_one_stays(text: str, most: int) -> None:
    cut = cut_in_the_middle(text, most)
    assert len(cut) == min(len(text), most)
    assert cut == text or (cut[0] == text[0] and "…" in cut)
