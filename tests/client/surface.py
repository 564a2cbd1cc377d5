"""The public surface as text. `python -m tests.client.surface` writes it anew, once the changelog says why."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

import civitai_kit

ROOT = Path(civitai_kit.__file__).parents[1]
SURFACE = Path(__file__).with_name("public_surface.txt")
CHANGELOG = ROOT / "CHANGELOG.md"


_STARS = {"VAR_KEYWORD": "**", "VAR_POSITIONAL": "*"}


def surface() -> list[str]:
    """A line for each public name, and one for each public name of a class."""
    with civitai_kit.Client() as client:
        asynchronous = civitai_kit.AsyncClient()
        made = {civitai_kit.Client: client, civitai_kit.AsyncClient: asynchronous}
        return [line for name in sorted(civitai_kit.__all__) for line in _lines(name, made)]


def unreleased() -> str:
    """The digest of what the changelog says of the next version."""
    text = CHANGELOG.read_text(encoding="utf-8").partition("## [Unreleased]")[2]
    return hashlib.sha256(re.split(r"^## \[", text, flags=re.MULTILINE)[0].encode()).hexdigest()


def recorded() -> tuple[str, list[str]]:
    """The digest of the changelog when the surface was written last, and the surface then."""
    first, *lines = SURFACE.read_text(encoding="utf-8").splitlines()
    return first.removeprefix("# changelog "), lines


def _lines(name: str, made: Mapping[type, object]) -> Iterator[str]:
    thing = getattr(civitai_kit, name)
    if not isinstance(thing, type):
        yield f"{name}{_parameters(thing) if callable(thing) else ''}"
        return
    begins = _parameters(thing) if thing in made or issubclass(thing, Exception) else ""
    yield f"{name}{begins}"
    if issubclass(thing, Enum):
        yield from sorted(f"{name}.{member} = {value.value}" for member, value in thing.__members__.items())
        return
    for word in sorted(_words(thing)):
        member = getattr(made.get(thing, thing), word, None)
        yield f"{name}.{word}{_parameters(member) if inspect.isroutine(member) or word in _questions(thing) else ''}"


def _words(kind: type) -> set[str]:
    ours = [each for each in kind.__mro__ if each.__module__.startswith("civitai_kit")]
    fields = set(getattr(kind, "model_fields", ())) | set(getattr(kind, "__dataclass_fields__", ()))
    found = {word for each in ours for word in vars(each)} | fields
    return {word for word in found if not word.startswith("_") and word != "model_config"}


def _questions(kind: type) -> set[str]:
    return _words(kind) if kind in (civitai_kit.Client, civitai_kit.AsyncClient) else set()


def _parameters(thing: object) -> str:
    if not callable(thing):
        return ""
    shown = [
        _STARS.get(each.kind.name, "")
        + each.name
        + ("" if each.default is each.empty else "=")
        + (" (by name)" if each.kind is each.KEYWORD_ONLY else "")
        for each in inspect.signature(thing).parameters.values()
        if each.name != "self"
    ]
    return f"({', '.join(shown)})"


def main() -> None:
    """Write the surface, unless the changelog says nothing new of it."""
    if SURFACE.exists() and recorded()[1] != surface() and recorded()[0] == unreleased():
        raise SystemExit("Say in CHANGELOG.md, under Unreleased, what changes for users; then write the surface.")
    SURFACE.write_text("\n".join([f"# changelog {unreleased()}", *surface()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
