"""From the words of a command line to what was typed: Typer parses them, and the command runs only after that."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from civitai_kit.cli.input.completion import completing
from civitai_kit.cli.input.help_page import HelpfulCommand, HelpfulGroup, show_all
from civitai_kit.cli.input.options import GLOBAL, QUIET, QUIET_BEFORE, Flag, positional_of

PROGRAM = "civitai-kit"
# Lines beyond this width are hard to read, however wide the terminal is.
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# How the value of an option is called where it is a place on disk.
_PLACES = frozenset({"DIR", "FILE", "PATH", "PLAN.json"})


class Branch(NamedTuple):
    """A command by name: `where` is `module:attribute`, or the commands below it; loaded when it is asked for.

    `is_local` says that it never asks the site for anything, so that it needs no key.
    """

    summary: str
    where: str | Mapping[str, Branch]
    is_local: bool = False


class Command(NamedTuple):
    """What a command module offers: what runs, its flags, the name of its positional arguments if any.

    `panels` groups flags under titles in its help, for a command with many.
    """

    run: Callable[..., Any]
    flags: tuple[Flag, ...] = ()
    arguments: str = ""
    details: str = ""
    panels: Mapping[str, tuple[Flag, ...]] = MappingProxyType({})


class Parsed(NamedTuple):
    """What a command line says: the command's name, what to run, and what was typed (`dest` → value)."""

    name: str
    run: Callable[..., Any]
    flags: tuple[Flag, ...]
    typed: Mapping[str, Any]
    is_local: bool = False


class Answer(Exception):
    """Raised by `--version` and its like, whose answer is known while the line is still being parsed."""

    def __init__(self, text: str, data: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.text = text
        self.data = data


class LazyGroup(HelpfulGroup):
    """A group that shows its commands from a table and imports one only when it is called."""

    branches: Mapping[str, Branch] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return [*self.branches]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """The command of a name, imported now; None where there is none."""
        branch = self.branches.get(cmd_name)
        return None if branch is None else _built(cmd_name, branch)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, branch.summary) for name, branch in self.branches.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words begin with; an unknown one is a usage error with the nearest known."""
        if args[0] not in self.branches and not args[0].startswith("-"):
            from civitai_kit.cli.input.mistakes import unknown_command

            raise unknown_command(args[0], self.branches, ctx.command_path)
        return super().resolve_command(ctx, args)


def parse(words: Sequence[str], branches: Mapping[str, Branch], summary: str) -> Parsed | None:
    """Parse a command line; None when help was printed instead.

    Raises Answer, a usage error of ours, or Typer's own exceptions for what it finds wrong.
    """
    app = _built_group(PROGRAM, Branch(summary, branches), completion=True)
    parsed = app.main(args=[*words], prog_name=PROGRAM, standalone_mode=False)
    return parsed if isinstance(parsed, Parsed) else None


def _built(name: str, branch: Branch) -> TyperCommand | TyperGroup:
    if isinstance(branch.where, str):
        return _built_command(name, branch.where, branch.summary, is_local=branch.is_local)
    return _built_group(name, branch)


def _built_group(name: str, branch: Branch, *, completion: bool = False) -> LazyGroup:
    assert not isinstance(branch.where, str)
    group = copy(_empty_group(name, branch.summary, completion=completion))
    group.branches = branch.where
    return group


# Whoever parses many lines in one process, as our tests do, builds each group and each command once.
@cache
def _empty_group(name: str, summary: str, *, completion: bool) -> LazyGroup:
    app = typer.Typer(
        context_settings=HELP,
        name=name,
        cls=LazyGroup,
        rich_markup_mode=None,
        add_completion=completion,
        subcommand_metavar="COMMAND …",
    )
    app.callback(help=summary)(_with_signature(_nothing, (*GLOBAL, QUIET_BEFORE)))
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    return group


@cache
def _built_command(name: str, where: str, summary: str, *, is_local: bool) -> TyperCommand:
    module, _, attribute = where.partition(":")
    command: Command = getattr(import_module(module), attribute)
    has_query = any("-q" in flag.names for flag in command.flags)
    flags = (*command.flags, *GLOBAL, QUIET if has_query else QUIET_BEFORE)

    def deferred(ctx: typer.Context, **typed: Any) -> Parsed:
        said = _spelled({**_said_before(ctx), **_said(typed)}, flags, command.arguments)
        return Parsed(_path_of(ctx), command.run, flags, said, is_local)

    app = typer.Typer(context_settings=HELP, rich_markup_mode=None, add_completion=False)
    details = f"{summary}\n\n{command.details}" if command.details else summary
    app.command(name, cls=HelpfulCommand, help=details)(_with_signature(deferred, flags, command.arguments))
    built = get_command(app)
    assert isinstance(built, HelpfulCommand)
    built.positional = positional_of(name, command.arguments)
    panels = command.panels or {"Options": command.flags}
    built.panels = {title: frozenset(flag.dest for flag in flags) for title, flags in panels.items()}
    return built


def _spelled(said: Mapping[str, Any], flags: Sequence[Flag], arguments: str) -> dict[str, Any]:
    """What was typed, as letters also where the locale left bytes; a place on disk stays as the system gave it."""
    from civitai_kit.files.names import plain_name

    places = {flag.dest for flag in flags if flag.takes in _PLACES} | ({"arguments"} if arguments in _PLACES else set())

    def spelled(name: str, value: Any) -> Any:
        if name in places or isinstance(value, bool):
            return value
        return plain_name(value) if isinstance(value, str) else [plain_name(each) for each in value]

    return {name: spelled(name, value) for name, value in said.items()}


def _said_before(ctx: typer.Context) -> dict[str, Any]:
    """The global options that stood before the command, the nearest to it last."""
    said: dict[str, Any] = {}
    above = ctx.parent
    while above is not None:
        said = {**_said(above.params), **said}
        above = above.parent
    return said


def _path_of(ctx: Any) -> str:
    """A command's name within the program: `db view`."""
    path: str = ctx.command_path
    return path.removeprefix(f"{PROGRAM} ")


# Options that answer by themselves and say nothing to a command.
_ANSWERED = ("version", "help_all")


def _said(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in (None, [], ()) and name not in _ANSWERED}


def _nothing(ctx: typer.Context, **typed: Any) -> None:
    """What a group does itself."""


def _with_signature(function: Callable[..., Any], flags: Sequence[Flag], arguments: str = "") -> Callable[..., Any]:
    """The function with a signature from which Typer makes these options and `--version`."""
    parameters = [_option(flag) for flag in flags]
    shown = typer.Option("--version", help="print the version", is_eager=True, callback=_show_version)
    parameters.append(_parameter("version", bool, shown))
    everything = typer.Option(
        "--help-all", help="show the options that every command takes too", is_eager=True, callback=show_all
    )
    parameters.append(_parameter("help_all", bool, everything))
    if arguments:
        argument = typer.Argument(metavar=arguments, show_default=False)
        parameters.append(_parameter("arguments", list[str], argument))
    parameters.append(inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {}
    return function


# Each level of the tree takes the global ones.
@cache
def _option(flag: Flag) -> inspect.Parameter:
    kind: Any = (list[str] if flag.many else str) if flag.takes else bool
    option = typer.Option(
        *flag.declarations,
        help=flag.help,
        metavar=flag.takes or None,
        show_default=False,
        hidden=flag.hidden,
        autocompletion=completing(flag.words) if flag.words else None,
    )
    return _parameter(flag.dest, kind, option)


def _parameter(name: str, kind: Any, information: Any) -> inspect.Parameter:
    annotation = Annotated[kind | None, information]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _show_version(wanted: bool | None) -> None:
    if wanted:
        from civitai_kit.core.version import __version__

        raise Answer(f"{PROGRAM} {__version__}", {"version": __version__})
