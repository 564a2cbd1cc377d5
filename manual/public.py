"""The public surface as values: every public name with its signature, its docstring and its members."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any, is_typeddict

from civitai_kit.core.site.paging import Cursor
from civitai_kit.kit.single_file import PathLike, Progress

MODULES = ("civitai_kit", "civitai_kit.testing")

# Made by the package, or by `World.standard()` and its like: with what is nobody else's concern.
_GIVEN = {"Items", "AsyncItems", "Sandbox", "World"}
_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
_HOMES = re.compile(r"\b(?:civitai_kit|collections|typing|pathlib|datetime|types)\.(?:[a-z_]+\.)*")
# Short names of ours for types that everybody can write.
_ALIASES: dict[str, Any] = {"Cursor": Cursor, "PathLike": PathLike, "Progress": Progress}
_ALIAS = re.compile(rf"\b({'|'.join(_ALIASES)})\b(?!\[)")
_KINDS: dict[type, str] = {classmethod: "classmethod", staticmethod: "staticmethod"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A public name: what `kind` of thing it is, and in `signature` what follows the name."""

    name: str
    kind: str
    signature: str = ""
    doc: str = ""
    bases: tuple[str, ...] = ()
    members: tuple[Entry, ...] = ()
    awaited: bool = False

    def lines(self) -> Iterator[str]:
        """Name and signature, and those of the members, a line each."""
        bases = f" is a {', '.join(self.bases)}" if self.bases else ""
        yield f"{self.name}{' awaited ' if self.awaited else ''}{self.signature}{bases}"
        for member in self.members:
            yield from member.lines()


def entries(module: str) -> list[Entry]:
    """The public names of a module, in alphabetical order."""
    found = import_module(module)
    return [_entry(found, name) for name in sorted(found.__all__)]


def _entry(module: ModuleType, name: str) -> Entry:
    thing = getattr(module, name)
    if is_typeddict(thing):
        return Entry(name=name, kind="class", doc=_doc(thing), members=tuple(_fields(name, [thing])))
    if isinstance(thing, type):
        return _class(name, thing, module)
    if not callable(thing):
        return Entry(name=name, kind="data", signature=f": {type(thing).__name__}", doc=_said_of(module).get(name, ""))
    function = inspect.unwrap(thing)
    shown = _signature(function)
    _, _, given = shown.partition(" -> Iterator")
    if type(thing).__name__ == "FixtureFunctionDefinition":
        return Entry(name=name, kind="data", signature=f": {given.strip('[]')}", doc=_doc(function))
    if given and hasattr(thing, "__wrapped__"):
        shown = shown.replace(" -> Iterator", " -> AbstractContextManager")
    return Entry(name=name, kind="function", signature=shown, doc=_doc(function))


def _class(name: str, kind: type, module: ModuleType) -> Entry:
    public = [each for each in kind.__mro__[1:] if getattr(module, each.__name__, None) is each]
    # What a public base class shows is not said again.
    ours = [each for each in kind.__mro__ if each.__module__.startswith("civitai_kit") and each not in public]
    ours = [each for each in ours if not any(issubclass(base, each) for base in public)]
    shown = list(_words(name, kind)) if issubclass(kind, Enum) else list(_fields(name, ours))
    known = {each.name for each in shown}
    words = {word for each in ours for word in vars(each) if _is_public(word)}
    found = sorted(
        word for word in words if f"{name}.{word}" not in known and not any(hasattr(b, word) for b in public)
    )
    methods = [] if issubclass(kind, Enum) else [_member(name, kind, word) for word in found]
    return Entry(
        name=name,
        kind="exception" if issubclass(kind, Exception) else "class",
        signature=_signature(kind) if _is_made_by_users(kind, ours) else "",
        doc=_doc(kind),
        bases=tuple(base.__name__ for base in kind.__bases__ if base in public),
        members=(*shown, *methods),
    )


def _words(name: str, kind: type[Enum]) -> Iterator[Entry]:
    docs = _said_of(kind)
    for word, member in kind.__members__.items():
        yield Entry(name=f"{name}.{word}", kind="attribute", signature=f" = {member.value!r}", doc=docs.get(word, ""))


def _fields(name: str, classes: list[Any]) -> Iterator[Entry]:
    """What one reads of a value: the declared fields and what `__init__` keeps, those of base classes last."""
    shown: dict[str, Entry] = {}
    for each in classes:
        declared = vars(each).get("__annotations__", {})
        for word, said in {**_kept_by_init(each), **declared}.items():
            if _is_public(word) and word not in shown:
                type_ = _plain(each.model_fields[word].annotation if word in _parsed(each) else said)
                doc = _said_of(each).get(word, "")
                signature = f": {type_}" if type_ else ""
                shown[word] = Entry(name=f"{name}.{word}", kind="attribute", signature=signature, doc=doc)
    yield from shown.values()


def _parsed(kind: Any) -> Any:
    return getattr(kind, "model_fields", {})


def _member(name: str, kind: type, word: str) -> Entry:
    found = inspect.getattr_static(kind, word)
    full = f"{name}.{word}"
    if isinstance(found, property):
        signature = f": {_plain(inspect.get_annotations(found.fget).get('return'))}" if found.fget else ""
        return Entry(name=full, kind="property", signature=signature, doc=_doc(found))
    if inspect.isdatadescriptor(found):
        return Entry(name=full, kind="attribute")
    bound = found.__get__(object(), kind) if hasattr(found, "__get__") else found
    if not callable(bound):
        return Entry(name=full, kind="attribute")
    signature = _signature(bound, asynchronous="Async" in name)
    shown = _KINDS.get(type(found), "method")
    return Entry(
        name=full, kind=shown, signature=signature, doc=_doc(bound), awaited=inspect.iscoroutinefunction(bound)
    )


def _is_public(word: str) -> bool:
    return not word.startswith("_") and word != "model_config"


def _is_made_by_users(kind: type, ours: list[type]) -> bool:
    made = any("__init__" in vars(each) for each in ours) or hasattr(kind, "__dataclass_fields__")
    special = issubclass(kind, Enum) or _parsed(kind) or getattr(kind, "_is_protocol", False)
    return made and not special and kind.__name__ not in _GIVEN


def _signature(made: Callable[..., Any], *, asynchronous: bool = False) -> str:
    """Parameters and result as one writes them; a conversation is shown as what a client makes of it."""
    shown: list[str] = []
    for each in inspect.signature(made).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not any(part.startswith("*") for part in shown):
            shown.append("*")
        shown.append(_parameter(each))
    result = _plain(inspect.get_annotations(inspect.unwrap(made)).get("return")) if not isinstance(made, type) else ""
    result = re.sub(r"^Call\[(.*)\]$", r"\1", result)
    result = re.sub(r"^Listing\b", "AsyncItems" if asynchronous else "Items", result)
    return f"({', '.join(each for each in shown if each != 'self')})" + (f" -> {result}" if result else "")


def _parameter(one: inspect.Parameter) -> str:
    type_ = "" if one.annotation is one.empty else f": {_plain(one.annotation)}"
    default = "" if one.default is one.empty else f" = {_default(one.default)}"
    return f"{_STARS.get(one.kind, '')}{one.name}{type_}{default}"


def _default(value: object) -> str:
    if callable(value):
        return getattr(value, "__name__", "…")
    return "…" if repr(value).startswith("<") else repr(value)


def _plain(annotation: Any) -> str:
    """A type as one writes it with all names imported."""
    if annotation in (None, inspect.Parameter.empty):
        return ""
    text = getattr(annotation, "__forward_arg__", annotation)
    text = text if isinstance(text, str) else inspect.formatannotation(text)
    return _ALIAS.sub(lambda alias: _plain(_ALIASES[alias[0]]), _HOMES.sub("", text.strip("\"'")))


def _doc(thing: object) -> str:
    return inspect.getdoc(thing) or ""


@cache
def _tree(thing: Any) -> ast.Module:
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(thing)))


def _said_of(thing: Any) -> dict[str, str]:
    """The texts that stand below the fields of a class, or below the names of a module."""
    (first, *_) = body = _tree(thing).body
    lines = first.body if isinstance(first, ast.ClassDef) else body
    found: dict[str, str] = {}
    for line, below in pairwise(lines):
        text = below.value if isinstance(below, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            found |= {ast.unparse(target): inspect.cleandoc(text.value) for target in _targets(line)}
    return found


def _kept_by_init(kind: Any) -> dict[str, str]:
    """What `__init__` puts on `self`, with its type: the one that is said, or that of the parameter."""
    kept: dict[str, str] = {}
    for init in (each for each in ast.walk(_tree(kind)) if getattr(each, "name", "") == "__init__"):
        assert isinstance(init, ast.FunctionDef)
        arguments = [*init.args.args, *init.args.kwonlyargs]
        types = {each.arg: ast.unparse(each.annotation) for each in arguments if each.annotation}
        for line in init.body:
            for target in _targets(line):
                if isinstance(target, ast.Attribute):
                    kept[target.attr] = _type_said(line, types)
    return kept


def _targets(line: ast.stmt) -> list[ast.expr]:
    if isinstance(line, ast.AnnAssign):
        return [line.target]
    return line.targets if isinstance(line, ast.Assign) else []


def _type_said(line: ast.stmt, types: dict[str, str]) -> str:
    if isinstance(line, ast.AnnAssign):
        return ast.unparse(line.annotation)
    return types.get(ast.unparse(line.value), "") if isinstance(line, ast.Assign) else ""
