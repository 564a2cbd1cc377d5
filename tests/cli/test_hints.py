"""What the program says to do: every command that a sentence of it names can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import civitai_kit
from civitai_kit.cli.input.parsing import Branch
from civitai_kit.cli.main import COMMANDS

PACKAGE = Path(civitai_kit.__file__).parent
PROGRAM = "civitai-kit"
SPAN = re.compile(r"`([^`]+)`")
WORD = re.compile(r"[a-z][a-z-]*")
# The first words of commands, also of those that are still to come.
GROUPS = {"library", "catalog", "serve", *COMMANDS}


def text_of(part: ast.expr) -> str:
    """A piece of an f-string, `…` for a placeholder."""
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"


def texts(source: str) -> Iterator[str]:
    """Every text in a module that a person may read, placeholders of an f-string as `…`; no docstrings."""
    tree = ast.parse(source)
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            inner |= {id(first.value)} if isinstance(first, ast.Expr) else set()
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            yield "".join(text_of(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def named(text: str) -> Iterator[list[str]]:
    """The commands that a text names between back-ticks: their words up to the first that is none."""
    for span in SPAN.findall(text):
        words = span.split()
        plain = words[1:] if words[:1] == [PROGRAM] else words if words[:1] and words[0] in GROUPS else []
        end = next((at for at, word in enumerate(plain) if not WORD.fullmatch(word)), len(plain))
        if plain[:end] and (words[0] == PROGRAM or len(words) > 1):
            yield plain[:end]


def exists(words: list[str], within: Mapping[str, Branch]) -> bool:
    """Whether words lead to a command or to a group of them."""
    branch = within.get(words[0])
    if branch is None or isinstance(branch.where, str) or len(words) == 1:
        return branch is not None
    return exists(words[1:], branch.where)


def test_every_command_that_a_sentence_names_exists() -> None:
    contents = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    found = [
        (path.name, words)
        for path, content in contents.items()
        if "`" in content
        for text in texts(content)
        for words in named(text)
    ]
    assert len(found) > 20
    assert [(name, words) for name, words in found if not exists(words, COMMANDS)] == []


def test_a_hint_that_names_no_command_would_be_found() -> None:
    (words,) = named("`library find` finds them; `civitai-kit` does not, nor does `a thing`.")
    assert words == ["library", "find"] and not exists(words, COMMANDS)
    assert exists(["db", "import"], COMMANDS) and not exists(["db", "imprt"], COMMANDS)
