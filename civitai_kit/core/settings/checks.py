"""What a key of the settings may hold: one check a kind, each saying what it expected when it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from civitai_kit.core.amounts import parse_bytes
from civitai_kit.core.errors import SettingsError, UsageError
from civitai_kit.core.remedies import LOGIN
from civitai_kit.core.settings.keys import PATH_TEMPLATE
from civitai_kit.core.site.enums import filter_level

_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})
_PLACEHOLDER = (
    r"(your|my|insert|enter|put|paste|replace).*(key|token)(here)?"
    r"|(civitai)?api(key|token)|(key|token)here|[x*.…]+|changeme|todo"
)


class ValueRefused(ValueError):
    """A value that cannot be; `expected` says what could, `hint` how to get there."""

    def __init__(self, expected: str, hint: str | None = None, *, shows_value: bool = True) -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint
        self.shows_value = shows_value


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_ROUTE = re.compile(r"[A-Za-z0-9 ]{1,40}=[A-Za-z0-9_-]{1,60}/[A-Za-z0-9_-]{1,60}")


def did_you_mean(typed: str, known: Iterable[str], *, closeness: float = 0.6) -> str | None:
    """`did you mean 'limit'?` where one of the known comes near, without regard to case; `closeness` is from 0 to 1."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(typed.casefold(), by_fold, n=1, cutoff=closeness)
    return f"did you mean {by_fold[near[0]]!r}?" if near else None


def whole(low: int, high: int | None = None) -> Callable[[Any], int]:
    """A check for whole numbers of at least `low`, and at most `high`."""
    expected = (
        f"expected a whole number of at least {low}"
        if high is None
        else f"expected a whole number from {low} to {high}"
    )

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value):
            value = int(value)
        if type(value) is not int or value < low or (high is not None and value > high):
            raise ValueRefused(expected)
        return value

    return check


def yes_or_no(value: Any) -> bool:
    """`true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off`, or a bool."""
    word = value.strip().casefold() if isinstance(value, str) else None
    if isinstance(value, bool):
        return value
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueRefused("expected true or false")


def text(value: Any) -> str:
    """A line of text, white space around it dropped."""
    if not isinstance(value, str) or any(sign in value for sign in "\0\r\n"):
        raise ValueRefused("expected a line of text")
    return value.strip()


def folder(value: Any) -> str:
    """A path that is not empty."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueRefused("expected a path")
    return value


def names(value: Any) -> tuple[str, ...]:
    """Many names: a list, or text with commas; white space around them, empty ones and repetitions are dropped."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(type(part) in (str, int) for part in parts):
        raise ValueRefused('expected a list of names, like ["one", "two"]')
    return tuple(dict.fromkeys(kept for part in parts if (kept := str(part).strip())))


def origins(value: Any) -> tuple[str, ...]:
    """Origins as browsers send them: `https://host:port`, without a path; a slash at the end is dropped."""
    found = tuple(each.rstrip("/").lower() for each in names(value))
    for each in found:
        if not _ORIGIN.fullmatch(each):
            hint = "Each page that may ask is named: all at once cannot be."
            raise ValueRefused(f"expected origins, like https://example.org, got {each!r}", hint, shows_value=False)
    return found


def routes(value: Any) -> tuple[str, ...]:
    """Rows of `Type=category/folder`, of plain names."""
    rows = names(value)
    for row in rows:
        if not _ROUTE.fullmatch(row):
            raise ValueError(f"expected Type=category/folder, got {row!r}")
    return rows


def one_of(*choices: str, other: dict[str, str] | None = None) -> Callable[[Any], str]:
    """A check for one of a few words, spelled exactly; `other` maps words that mean one of them."""
    expected = f"expected one of {', '.join(choices)}"

    def check(value: Any) -> str:
        word = value.strip() if isinstance(value, str) else ""
        word = (other or {}).get(word, word)
        if word not in choices:
            raise ValueRefused(expected, did_you_mean(word, choices))
        return word

    return check


def amount(value: Any) -> int:
    """Bytes: a whole number, or text with a unit."""
    try:
        read = parse_bytes(value) if isinstance(value, str) else value
    except ValueError:
        read = None
    if type(read) is not int or read < 0:
        raise ValueRefused("expected bytes, or an amount like 500MiB or 2GB")
    return read


def levels(value: Any) -> str:
    """Levels of images as the site's `nsfw` filter takes them: `PG,PG13`, `X`, `true` for all, `false` for PG."""
    word = str(value).lower() if isinstance(value, bool) else text(value)
    try:
        if word:
            filter_level("nsfw", {"true": True, "false": False}.get(word.casefold(), word))
    except UsageError as error:
        raise ValueRefused("expected levels like PG,PG13, or true or false", error.hint) from error
    return word


def path_template(value: Any) -> str:
    """A path template that `core.naming` can use."""
    template = text(value)
    if template == PATH_TEMPLATE:
        return template
    # Most people keep the default: only a template of somebody's own has to be parsed here.
    from civitai_kit.core.paths.template import Template

    try:
        Template(template)
    except SettingsError as error:
        said = error.message.removeprefix("path_template ").rstrip(".")
        raise ValueRefused(said, error.hint, shows_value=False) from error
    return template


def site_root(value: Any) -> str:
    """An http(s) URL of a host: no path, no credentials; a slash at its end is dropped."""
    hint = "like https://civitai.com"
    try:
        parts = urlsplit(text(value))
        port = parts.port
    except ValueError as error:
        raise ValueRefused("expected the URL of a site", hint) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueRefused("expected a URL that begins with https:// or http://", hint)
    if parts.username is not None or parts.password is not None:
        raise ValueRefused("expected a URL without user name and password", hint, shows_value=False)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueRefused("expected the root of a site, without path", hint)
    return f"{parts.scheme}://{parts.netloc}"


def secret(value: Any) -> SecretStr:
    """A key or token, white space stripped; empty is none. What only stands for a key is refused."""
    read = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(read, str):
        raise ValueRefused("expected text", shows_value=False)
    read = read.strip()
    if read and re.fullmatch(_PLACEHOLDER, re.sub(r"[\s_<>\[\]{}-]", "", read.casefold())):
        raise ValueRefused(
            "holds a placeholder, not a key",
            LOGIN,
            shows_value=False,
        )
    if not read.isascii() or not read.isprintable() or " " in read:
        raise ValueRefused("expected one word of plain characters, as the site shows it", shows_value=False)
    return SecretStr(read)
