"""The text of config.toml.example, made of the keys and flags themselves so that it cannot lag behind them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from textwrap import wrap
from typing import Any

from civitai_kit.cli.input.options import flag_of
from civitai_kit.core.settings.keys import KEYS, Key, sections, variable

_HEAD = """\
# Settings of civitai-kit, each with its default.
#
# What counts, later over earlier: these defaults, the user's own file (`civitai-kit config path` says where),
# config.toml in the working folder (or --config PATH), environment variables, flags. A key of a table has two
# underscores in its variable: CIVITAI_KIT_IMAGES__MAX_PATH=200. Lists in variables are comma-separated; an empty
# variable is as good as none.
#
# The Go downloader's keys are understood as well, flat or in its tables; the table at the end says which is which.
"""


def example(*, live: bool) -> str:
    """The whole file; values are set where `live`, else they are comments, so that defaults stay defaults."""
    lines = [_HEAD]
    table = ""
    for heading, keys in sections():
        lines.append(f"\n# --- {heading} ---")
        within = keys[0].name.rpartition(".")[0]
        if within != table:
            lines.append(f"\n[{within}]")
            table = within
        for key in keys:
            lines += ["", *_described(key), f"{'' if live else '#'}{_assigned(key)}"]
    return "\n".join([*lines, "", "", *correspondence("# "), ""])


def correspondence(mark: str = "", *, commands: Container[str] | None = None) -> Iterator[str]:
    """The table of key, flag and Go key, in lines; of the keys that a command added, only those of these commands."""
    keys = [key for key in KEYS.values() if commands is None or _is_of(key, commands)]
    rows = [("key", "flag", "Go key")]
    rows += [(key.name, _flag_names(key), ", ".join(_go_names(key)) or "-") for key in keys]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for row in rows:
        yield f"{mark}{row[0]:<{first}}  {row[1]:<{second}}  {row[2]}"


def _is_of(key: Key, commands: Container[str]) -> bool:
    table, dot, _ = key.name.partition(".")
    return not dot or table in commands


def _described(key: Key) -> list[str]:
    meaning = key.meaning[0].upper() + key.meaning[1:]
    return [f"# {line}" for line in wrap(f"{meaning}.  ({variable(key.name)})", 116)]


def _assigned(key: Key) -> str:
    return f"{key.name.rpartition('.')[2]} = {_toml(key.default)}"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return str(value)


def _flag_names(key: Key) -> str:
    flag = flag_of(key.name)
    return ", ".join(flag.names) if flag else "-"


def _go_names(key: Key) -> Iterable[str]:
    for name in key.go:
        table, _, last = name.rpartition(".")
        yield f"[{table}] {last}" if table else name
