"""The public surface as text. `make surface` writes it anew, once the changelog says why."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import civitai_kit
from manual.public import MODULES, entries

ROOT = Path(civitai_kit.__file__).parents[1]
SURFACE = Path(__file__).with_name("public_surface.txt")
CHANGELOG = ROOT / "CHANGELOG.md"


def surface() -> list[str]:
    """A line for each public name, and one for each member: parameters, types, defaults, values."""
    return [f"{module}.{line}" for module in MODULES for entry in entries(module) for line in entry.lines()]


def unreleased() -> str:
    """The digest of what the changelog says of the next version."""
    text = CHANGELOG.read_text(encoding="utf-8").partition("## [Unreleased]")[2]
    return hashlib.sha256(re.split(r"^## \[", text, flags=re.MULTILINE)[0].encode()).hexdigest()


def recorded() -> tuple[str, list[str]]:
    """The digest of the changelog when the surface was written last, and the surface then."""
    first, *lines = SURFACE.read_text(encoding="utf-8").splitlines()
    return first.removeprefix("# changelog "), lines


def main() -> None:
    """Write the surface, unless the changelog says nothing new of it."""
    if SURFACE.exists() and recorded()[1] != surface() and recorded()[0] == unreleased():
        raise SystemExit("Say in CHANGELOG.md, under Unreleased, what changes for users; then write the surface.")
    SURFACE.write_text("\n".join([f"# changelog {unreleased()}", *surface()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
