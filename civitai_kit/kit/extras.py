"""What this installation lacks, and the command that adds it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, metadata, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from civitai_kit.core.extras import NAME, Installation, how_to_add, named_in, requirements_of

_UV_RECEIPT = "uv-receipt.toml"


def adding(extra: str) -> str:
    """The command that adds an extra to the running installation."""
    try:
        stated = requires(NAME) or ()
    except PackageNotFoundError:
        return f"make venv, in a checkout of {NAME}"
    return how_to_add(requirements_of(extra, stated), installation(Path(sys.prefix)))


def installed_extras() -> dict[str, bool]:
    """Each extra and whether all that it brings is installed; empty where the program itself is not."""
    try:
        names = metadata(NAME).get_all("Provides-Extra") or ()
    except PackageNotFoundError:
        return {}
    # `all` is the others together.
    return {name: _has(f"{NAME}[{name}]") for name in sorted(names) if name != "all"}


def _has(requirement: str) -> bool:
    """Whether a distribution is installed, with what the extras named in the requirement bring."""
    name, extras = named_in(requirement)
    try:
        stated = requires(name) or ()
    except PackageNotFoundError:
        return False
    return all(_has(each) for extra in extras for each in requirements_of(extra, stated))


def installation(prefix: Path) -> Installation:
    """What is to be seen of the environment in the folder `prefix`, in which this program runs."""
    return Installation(
        environment=prefix.name,
        files={path.name for path in prefix.iterdir()},
        python=sys.executable,
        has_pip=find_spec("pip") is not None,
        uv_asked=_asked_of_uv(prefix / _UV_RECEIPT),
    )


def _asked_of_uv(receipt: Path) -> list[dict[str, Any]]:
    """The requirements in the receipt that uv leaves in a tool's environment; none where there is no such receipt."""
    import tomli

    try:
        asked = tomli.loads(receipt.read_text(encoding="utf-8"))["tool"]["requirements"]
        return [each for each in asked if isinstance(each, dict)]
    except (OSError, ValueError, LookupError, TypeError):
        return []
