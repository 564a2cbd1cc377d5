"""How to add an optional part to an installation: the command that fits the way in which the program was installed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

NAME = "civitai-kit"
# What each installer leaves at the top of the environment that it makes for one program.
_PIPX_MARK = "pipx_metadata.json"
_UV_MARK = "uv-receipt.toml"


def requirements_of(extra: str, stated: Iterable[str]) -> list[str]:
    """What an extra brings, out of the requirements that an installed distribution states."""
    marked = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    parts = (line.partition(";") for line in stated)
    return [requirement.strip() for requirement, _, marker in parts if marked.search(marker)]


def how_to_add(requirements: Sequence[str], files: Collection[str], source: str) -> str:
    """The command that adds `requirements` to this installation.

    `files` are the names at the top of the environment, `source` is what the program was installed from. The program
    is on no index, so a command names the packages that an extra brings and not the extra.
    """
    quoted = [f'"{requirement}"' for requirement in requirements]
    if _PIPX_MARK in files:
        return " ".join(("pipx inject", NAME, *quoted))
    if _UV_MARK in files:
        return " ".join(("uv tool install --force", *(f"--with {each}" for each in quoted), f'"{source}"'))
    return " ".join(("python -m pip install", *quoted))
