"""What a person typed wrongly, said in our own words: Typer's findings and unknown commands as usage errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from civitai_kit.cli.input.help_page import QUIET_HINT
from civitai_kit.core.errors import UsageError

# From 0 to 1, as difflib counts it: a letter left out or two exchanged in a short word are within it.
_CLOSENESS = 0.72
_LEAST_BEGINNING = 3


def unknown_command(typed: str, commands: Iterable[str], within: str) -> UsageError:
    """The error for a command that does not exist, with the nearest that does."""
    near = _nearest(typed, commands)
    hint = f"did you mean {near!r}?" if near else f"`{within} --help` lists the commands."
    return UsageError(f"There is no command {typed!r}.", hint=hint)


def _nearest(typed: str, known: Iterable[str]) -> str | None:
    """The word that was probably meant: near without its dashes, which all options share, or begun so."""
    by_letters = {name.replace("-", ""): name for name in known if len(name) > len("-x")}
    letters = typed.replace("-", "")
    begun = [name for word, name in by_letters.items() if len(letters) >= _LEAST_BEGINNING and word.startswith(letters)]
    close = get_close_matches(letters, by_letters, n=1, cutoff=_CLOSENESS)
    return by_letters[close[0]] if close else begun[0] if len(begun) == 1 else None


def usage_error(found: Any, command: str = "", words: Sequence[str] = ()) -> UsageError:
    """One of Typer's exceptions as an error of ours: unknown option, missing value, missing argument, no command.

    Where the exception does not say in which command it arose, that is `command`; `words` are the whole line.
    """
    context = getattr(found, "ctx", None)
    path = context.command_path if context is not None else f"civitai-kit {command}".strip()
    help_hint = f"`{path} --help` lists the options."
    if type(found).__name__ == "NoArgsIsHelpError" or found.message.startswith("Missing command"):
        return UsageError("No command was given.", hint=f"`{path} --help` lists the commands.")
    option = getattr(found, "option_name", None)
    if option is not None and hasattr(found, "possibilities"):
        near = _nearest(option, _options_of(context))
        hint = QUIET_HINT if option == "-q" else f"did you mean {near}?" if near else help_hint
        return UsageError(f"There is no option {option}.", hint=hint)
    if option == "-q" or (option == "--query" and "-q" in words):
        return UsageError("-q after a command is --query and wants a text.", hint=QUIET_HINT)
    message = " ".join(found.format_message().split())
    return UsageError(message if message.endswith((".", "!", "?")) else f"{message}.", hint=help_hint)


def command_of(found: Any) -> str:
    """The command that one of Typer's exceptions arose in, empty for none: `db view`."""
    context = getattr(found, "ctx", None)
    return context.command_path.partition(" ")[2] if context is not None else ""


def command_in(words: Iterable[str], branches: Mapping[str, Any]) -> str:
    """The command that a line seems to mean, before the line is parsed."""
    named: list[str] = []
    level: Mapping[str, Any] | None = branches
    for word in words:
        if level is None or word not in level:
            continue
        named.append(word)
        below = level[word].where
        level = below if isinstance(below, Mapping) else None
    return " ".join(named)


def _options_of(context: Any) -> list[str]:
    if context is None:
        return []
    return [
        name
        for parameter in context.command.get_params(context)
        for name in (*parameter.opts, *parameter.secondary_opts)
    ]
