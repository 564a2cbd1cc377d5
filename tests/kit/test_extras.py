"""What is seen of the environment that the program runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from civitai_kit.core.extras import Installation
from civitai_kit.kit.extras import adding, installation, installed_extras


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


def test_an_extra_is_installed_when_everything_that_it_brings_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = [
        "Provides-Extra: one",
        "Provides-Extra: two",
        "Provides-Extra: three",
        "Provides-Extra: all",
        'Requires-Dist: typer>=0.1; extra == "one"',
        'Requires-Dist: typer>=0.1; extra == "two"',
        'Requires-Dist: no-such-distribution; extra == "two"',
        'Requires-Dist: bundle[deep]; extra == "three"',
    ]
    state(tmp_path, "civitai_kit", stated)
    state(tmp_path, "bundle", ['Requires-Dist: no-such-distribution==1.*; extra == "deep"'])
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed_extras() == {"one": True, "three": False, "two": False}


def state(folder: Path, name: str, lines: list[str]) -> None:
    """A distribution that states something about itself, as an installer leaves it."""
    place = folder / f"{name}-9.dist-info"
    place.mkdir()
    head = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 9"]
    (place / "METADATA").write_text("\n".join([*head, *lines, ""]), encoding="utf-8")
