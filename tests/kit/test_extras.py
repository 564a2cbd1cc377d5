"""What is seen of the environment that the program runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from civitai_kit.core.extras import Installation
from civitai_kit.kit.extras import adding, installation


def seen(prefix: Path, receipt: str) -> Installation:
    """What is seen of an environment with this receipt of uv."""
    (prefix / "uv-receipt.toml").write_text(receipt, encoding="utf-8")
    return installation(prefix)


def test_the_receipt_of_uv_is_read(tmp_path: Path) -> None:
    found = seen(tmp_path, '[tool]\nrequirements = [{ name = "civitai-kit", directory = "/a" }]\n')
    assert found.uv_asked == [{"name": "civitai-kit", "directory": "/a"}]
    assert (found.environment, found.files) == (tmp_path.name, {"uv-receipt.toml"})


@pytest.mark.parametrize(
    "receipt", ["", "[tool]\n", "tool = 1\n", "[tool]\nrequirements = 1\n", "[", "[tool]\nrequirements = [1]\n"]
)
def test_a_receipt_that_cannot_be_read_counts_as_none(receipt: str, tmp_path: Path) -> None:
    assert seen(tmp_path, receipt).uv_asked == []


def test_the_command_names_the_packages_of_the_extra_and_this_interpreter() -> None:
    command = adding("testing")
    assert "pytest>=" in command and "uvicorn>=" in command and "typer" not in command
    assert sys.executable in command
