"""How to add an optional part to an installation: the command that fits the way in which the program was installed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME = "civitai-kit"
# What pipx leaves at the top of the environment that it makes for a program.
_PIPX_MARK = "pipx_metadata.json"


@dataclass(frozen=True, slots=True)
class Installation:
    """What can be seen of an installation: enough to tell which installer made it."""

    environment: str  # The name of its folder.
    files: Collection[str]  # The names at the top of it.
    python: str
    has_pip: bool
    uv_asked: Sequence[Mapping[str, Any]] = ()  # The requirements in the receipt of `uv tool install`.


def requirements_of(extra: str, stated: Iterable[str]) -> list[str]:
    """What an extra brings, out of the requirements that an installed distribution states."""
    marked = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    parts = (line.partition(";") for line in stated)
    return [requirement.strip() for requirement, _, marker in parts if marked.search(marker)]


def named_in(requirement: str) -> tuple[str, tuple[str, ...]]:
    """The distribution and the extras that a requirement names: `httpx2[socks]>=2.16` is httpx2 with socks."""
    found = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", requirement)
    name, extras = found.groups("") if found else (requirement, "")
    return name, tuple(extra.strip() for extra in extras.split(",") if extra.strip())


def how_to_add(requirements: Sequence[str], found: Installation) -> str:
    """The command that adds `requirements` to this installation.

    The program is on no index, so a command names the packages that an extra brings and not the extra.
    """
    quoted = [f'"{requirement}"' for requirement in requirements]
    if _PIPX_MARK in found.files:
        return " ".join(("pipx inject", found.environment, *quoted))
    if found.uv_asked:
        return _again_by_uv(quoted, found.uv_asked)
    python = f'"{found.python}"' if " " in found.python else found.python
    installer = f"{python} -m pip install" if found.has_pip else f"uv pip install --python {python}"
    return " ".join((installer, *quoted))


def _again_by_uv(quoted: Sequence[str], asked: Sequence[Mapping[str, Any]]) -> str:
    """`uv tool install` makes the environment anew: what was asked for before is asked for again."""
    program = [each for each in asked if each.get("name") == NAME]
    beside = [f'"{_as_typed(each)}"' for each in asked if each not in program]
    wanted = " ".join(f"--with {each}" for each in (*beside, *quoted))
    editable = "--editable " if any("editable" in each for each in program) else ""
    source = _as_typed(program[0]) if program else NAME
    return f'uv tool install --force {wanted} {editable}"{source}"'


def _as_typed(asked: Mapping[str, Any]) -> str:
    """A requirement of the receipt as one types it: where it comes from or its name, extras, versions."""
    url, _, revision = str(asked.get("git", "")).partition("?rev=")
    git = f"git+{url}@{revision}".removesuffix("@") if url else ""
    places = (asked.get(key) for key in ("directory", "editable", "path", "url"))
    source = git or next((place for place in places if place), asked.get("name"))
    extras = ",".join(asked.get("extras", ()))
    return f"{source}{f'[{extras}]' if extras else ''}{asked.get('specifier', '')}"
