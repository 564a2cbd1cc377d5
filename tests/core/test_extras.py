"""The command that adds an optional part to an installation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from civitai_kit.core.extras import Installation, how_to_add, requirements_of

STATED = [
    "typer>=0.29",
    'starlette>=1.0; extra == "server"',
    "uvicorn>=0.38 ; extra == 'server'",
    'trio>=0.30; extra == "trio"',
]
WANTED = ["starlette>=1.0", "uvicorn>=0.38"]
BY_PIP = Installation(".venv", {"bin", "pyvenv.cfg"}, python="/home/ann/.venv/bin/python", has_pip=True)
BY_PIPX = replace(BY_PIP, environment="civitai-kit", files={"bin", "pipx_metadata.json"}, has_pip=False)


def by_uv(*asked: dict[str, Any]) -> Installation:
    """A tool's environment of uv, with these requirements in its receipt."""
    return replace(BY_PIP, files={"bin", "uv-receipt.toml"}, has_pip=False, uv_asked=asked)


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (BY_PIPX, 'pipx inject civitai-kit "starlette>=1.0" "uvicorn>=0.38"'),
        (
            replace(BY_PIPX, environment="civitai-kit-new"),
            'pipx inject civitai-kit-new "starlette>=1.0" "uvicorn>=0.38"',
        ),
        (
            by_uv({"name": "civitai-kit", "directory": "/home/ann/civitai-kit"}),
            'uv tool install --force --with "starlette>=1.0" --with "uvicorn>=0.38" "/home/ann/civitai-kit"',
        ),
        (BY_PIP, '/home/ann/.venv/bin/python -m pip install "starlette>=1.0" "uvicorn>=0.38"'),
        (
            replace(BY_PIP, python="/home/ann/my kit/bin/python"),
            '"/home/ann/my kit/bin/python" -m pip install "starlette>=1.0" "uvicorn>=0.38"',
        ),
        (
            replace(BY_PIP, has_pip=False),
            'uv pip install --python /home/ann/.venv/bin/python "starlette>=1.0" "uvicorn>=0.38"',
        ),
    ],
    ids=["pipx", "pipx-with-a-suffix", "uv-tool", "pip", "pip-with-a-space", "uv-without-pip"],
)
def test_the_command_fits_the_way_of_installing(found: Installation, command: str) -> None:
    assert how_to_add(WANTED, found) == command


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        ({"directory": "/a b", "extras": ["keyring", "speed"]}, '"/a b[keyring,speed]"'),
        ({"editable": "/a"}, '--editable "/a"'),
        ({"path": "/a/kit.zip"}, '"/a/kit.zip"'),
        ({"url": "https://example.org/kit.zip"}, '"https://example.org/kit.zip"'),
        ({"git": "https://example.org/kit?rev=v1"}, '"git+https://example.org/kit@v1"'),
        ({"git": "https://example.org/kit"}, '"git+https://example.org/kit"'),
    ],
)
def test_uv_is_told_again_where_the_program_came_from_and_what_came_with_it(asked: dict[str, Any], source: str) -> None:
    found = by_uv({"name": "civitai-kit", **asked}, {"name": "trio", "specifier": ">=0.30"})
    assert how_to_add(["uvicorn>=0.38"], found) == (
        f'uv tool install --force --with "trio>=0.30" --with "uvicorn>=0.38" {source}'
    )


def test_an_extra_brings_what_is_stated_for_it_and_nothing_else() -> None:
    assert requirements_of("server", STATED) == WANTED
    assert requirements_of("unknown", STATED) == []
