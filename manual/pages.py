"""The reference as Markdown: what stands in docs/reference/ in place of `<!-- civitai_kit: Name Name -->`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from civitai_kit.testing import FAULTS
from manual.public import MODULES, Entry, entries

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"

_PLACE = re.compile(r"^<!-- (civitai_kit(?:\.testing)?): ([\w ]+) -->$", re.MULTILINE)
_HEADING = re.compile(r"^#{2,3} ((\d+(?:\.\d+)?)\.? .+)$", re.MULTILINE)
_CITATION = re.compile(r"\bsite\.md \d+(?:\.\d+)?(?:(?:,| to| and) \d+(?:\.\d+)?)*")
_PAGE = re.compile(r"\bdocs/(\w+)\.md\b")
_CODE = re.compile(r"(?<![`\[}])`([^`\n]+)`(?![`\]])")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_ROLES = {"class": "class", "exception": "exc", "function": "func", "data": "data"}


def places(text: str) -> list[tuple[str, list[str]]]:
    """Which names of which module a page of the reference shows, in its order."""
    return [(module, names.split()) for module, names in _PLACE.findall(text)]


def filled(text: str) -> str:
    """A page with the signatures and docstrings of the names that it shows, and links from those that it mentions."""
    return _PLACE.sub(lambda place: "\n\n".join(_shown(place[1], place[2].split())), with_links(text))


def with_links(text: str) -> str:
    """A page with links from the public names in its running text to the reference."""
    parts = _FENCE.split(text)
    return "".join(part if at % 2 else _CODE.sub(_name_or_code, part) for at, part in enumerate(parts))


def _shown(module: str, names: list[str]) -> Iterator[str]:
    yield f"```{{py:currentmodule}} {module}\n```"
    for name in names:
        yield _block(_all(module)[name])
        if name == "FAULTS":
            yield _table_of_faults()


@cache
def _all(module: str) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries(module)}


def _block(entry: Entry, depth: int = 0) -> str:
    """A directive of the Python domain; the fence of a class is longer than those of its members."""
    head, options = _head(entry)
    members = "\n\n".join(_block(member, depth + 1) for member in entry.members)
    bases = f"A {' and a '.join(f'{{py:class}}`{base}`' for base in entry.bases)}." if entry.bases else ""
    fence = "`" * (5 - depth)
    inside = "\n\n".join(part for part in (bases, _text(entry), members) if part)
    return "\n".join([f"{fence}{{py:{entry.kind}}} {head}", *options, "", inside, fence])


def _head(entry: Entry) -> tuple[str, list[str]]:
    name = entry.name.rpartition(".")[2]
    options = [":async:"] if entry.awaited else []
    if entry.signature.startswith(": "):
        return name, [f":type: {entry.signature[2:]}"]
    if entry.signature.startswith(" = "):
        return name, [f":value: {json.dumps(entry.signature[3:])}"]
    return name + entry.signature, options


def _text(entry: Entry) -> str:
    """The docstring as Markdown, or where the asynchronous client repeats one, where it stands."""
    owner, _, name = entry.name.rpartition(".")
    twin = next((one for one in _all(MODULES[0])["Client"].members if one.name == f"Client.{name}"), None)
    if owner == "AsyncClient" and twin is not None and twin.doc == entry.doc:
        return f"As {{py:meth}}`Client.{name}`."
    return "\n\n".join(_linked(" ".join(part.split())) for part in entry.doc.split("\n\n"))


def _linked(text: str) -> str:
    """A paragraph with links: to public names, to sections of what is known of the site, to other pages."""
    text = _CODE.sub(_name_or_code, text)
    bare = rf"`[^`\n]+`|(?<![.\w])({'|'.join(_bare_names())})(?!\w)"
    text = re.sub(bare, lambda name: _link(name[1]) if name[1] else name[0], text)
    text = _CITATION.sub(lambda cited: _sections(cited[0]), text)
    return _PAGE.sub(r"[docs/\1.md](../\1.md)", text)


def _name_or_code(code: re.Match[str]) -> str:
    name = code[1]
    # A field may have the name of a function: what is all lower case is linked only with its owner.
    return _link(name) if name != name.lower() and any(name in _names(module) for module in MODULES) else code[0]


@cache
def _names(module: str) -> dict[str, str]:
    """Every public name and member, with its role in a cross-reference."""
    found: dict[str, str] = {}
    for entry in entries(module):
        found[entry.name] = _ROLES[entry.kind]
        found |= {member.name: "meth" if "(" in member.signature else "attr" for member in entry.members}
    return found


def _link(name: str) -> str:
    module = next(module for module in MODULES if name in _names(module))
    shown = f"{name}()" if _names(module)[name] == "meth" else name
    return f"{{py:{_names(module)[name]}}}`{shown} <{module}.{name}>`"


@cache
def _bare_names() -> tuple[str, ...]:
    """The names that are no words of English, and the errors: they need no marks to be known in a sentence."""
    found = [entry for module in MODULES for entry in entries(module)]
    odd = [one.name for one in found if one.kind == "exception" or re.fullmatch(r"(?:[A-Z]+[a-z]+){2,}", one.name)]
    return tuple(sorted(odd, key=len, reverse=True))


def _sections(cited: str) -> str:
    """`site.md 2.1, 8.1` as links to these sections."""
    return re.sub(r"(site\.md )?(\d+(?:\.\d+)?)", lambda one: f"[{one[0]}](../site.md#{_anchors()[one[2]]})", cited)


@cache
def _anchors() -> dict[str, str]:
    text = (ROOT / "docs" / "site.md").read_text(encoding="utf-8")
    return {number: anchor_of(head) for head, number in _HEADING.findall(text)}


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _table_of_faults() -> str:
    rows = ["| fault | strikes at | what happens | parameters |", "|---|---|---|---|"]
    for fault in FAULTS.values():
        parameters = ", ".join(f"`{key}={value}`" for key, value in fault.params.items())
        rows.append(f"| `{fault.name}` | {fault.where} | {fault.sentence} | {parameters} |")
    return "\n".join(rows)
