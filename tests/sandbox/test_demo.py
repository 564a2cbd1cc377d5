"""The main job against the sandbox, as `make run` shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from civitai_kit.cli.main import main


@pytest.mark.slow
def test_the_demo_does_the_main_job_and_says_what_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exit_code = main(["sandbox", "--demo", "--json"])
    heard = capfd.readouterr()
    data = json.loads(heard.out)["data"]
    assert exit_code == 0, heard.err
    assert [step["command"].split()[0] for step in data["steps"]][:2] == ["scan", "download"]
    assert all(step["exit_code"] == 0 for step in data["steps"])
    landed = [Path(data["save_path"]) / name for name in data["files"]]
    assert all(path.is_file() for path in landed)
    assert len([path for path in landed if path.suffix == ".safetensors"]) == 9
    assert "$ civitai-kit download" in heard.err
