"""The command that adds an optional part to an installation."""

from __future__ import annotations

import pytest

from civitai_kit.core.extras import how_to_add, requirements_of

STATED = [
    "typer>=0.29",
    'starlette>=1.0; extra == "server"',
    "uvicorn>=0.38 ; extra == 'server'",
    'trio>=0.30; extra == "trio"',
]


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"bin", "pipx_metadata.json"}, 'pipx inject civitai-kit "starlette>=1.0" "uvicorn>=0.38"'),
        (
            {"bin", "uv-receipt.toml"},
            'uv tool install --force --with "starlette>=1.0" --with "uvicorn>=0.38" "/home/ann/civitai-kit"',
        ),
        ({"bin", "pyvenv.cfg"}, 'python -m pip install "starlette>=1.0" "uvicorn>=0.38"'),
    ],
    ids=["pipx", "uv", "pip"],
)
def test_the_command_fits_the_way_of_installing(files: set[str], command: str) -> None:
    assert how_to_add(["starlette>=1.0", "uvicorn>=0.38"], files, "/home/ann/civitai-kit") == command


def test_an_extra_brings_what_is_stated_for_it_and_nothing_else() -> None:
    assert requirements_of("server", STATED) == ["starlette>=1.0", "uvicorn>=0.38"]
    assert requirements_of("unknown", STATED) == []
