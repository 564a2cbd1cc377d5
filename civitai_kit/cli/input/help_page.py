"""What `COMMAND --help` shows: its arguments with what they mean, its own options, and apart those of every command."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from civitai_kit.cli.input.examples import EXAMPLES
from civitai_kit.cli.input.options import Positional
from civitai_kit.core.errors import UsageError

QUIET_HINT = "Quiet is --quiet, or -q before the command."


# What stands in a short help beside a command's own options.
_ALWAYS = frozenset({"help", "help_all", "version", "install_completion", "show_completion"})


class _Helpful:
    """Shows a command's own options; those of every command where --help-all asks for them."""

    shows_all = False

    def options_of(self, ctx: Any) -> list[Any]:
        """The parameters that are options."""
        return [one for one in self.get_params(ctx) if one.param_type_name == "option"]  # type: ignore[attr-defined]

    def write_options(self, ctx: Any, formatter: Any, title: str, names: Collection[str]) -> None:
        """A section of the options of these names, where there are any."""
        shown = [record for one in self.options_of(ctx) if one.name in names and (record := one.get_help_record(ctx))]
        if shown:
            with formatter.section(title):
                formatter.write_dl(shown)

    def write_global_options(self, ctx: Any, formatter: Any, own: Collection[str]) -> None:
        """The options of every command, or the one line that says how to see them."""
        others = {one.name for one in self.options_of(ctx)} - set(own)
        if self.shows_all:
            self.write_options(ctx, formatter, "Global options", others)
            return
        formatter.write_paragraph()
        formatter.write_text("Global options (--save-path, --config, --json …): --help-all shows them.")


class HelpfulGroup(_Helpful, TyperGroup):
    """A group of commands whose help begins with them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, which take what was typed."""
        return taken_as_typed(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The commands, then what can be asked of the group itself."""
        self.format_commands(ctx, formatter)
        self.write_options(ctx, formatter, "Options", _ALWAYS)
        self.write_global_options(ctx, formatter, _ALWAYS)


class HelpfulCommand(_Helpful, TyperCommand):
    """A command whose help says what its positional argument is, and keeps its own flags from the global ones."""

    positional: Positional | None = None
    panels: Mapping[str, frozenset[str]] = MappingProxyType({})

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, which take what was typed."""
        return taken_as_typed(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] [REF…]`."""
        return ["[OPTIONS]", *([self.positional.usage] if self.positional else [])]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The sections below the summary."""
        if self.positional is not None:
            with formatter.section("Arguments"):
                formatter.write_dl([self.positional])
        for title, names in self.panels.items():
            self.write_options(ctx, formatter, title, names)
        self._write_examples(ctx, formatter)
        self.write_global_options(ctx, formatter, frozenset().union(*self.panels.values()))

    def _write_examples(self, ctx: Any, formatter: Any) -> None:
        program, _, command = ctx.command_path.partition(" ")
        with formatter.section("Examples"):
            for typed, meaning in EXAMPLES[command]:
                formatter.write_text(f"{program} {typed}")
                with formatter.indentation():
                    formatter.write_text(meaning)


def show_all(ctx: typer.Context, wanted: bool | None) -> None:
    """What --help-all does: print the help with the options of every command, and end."""
    if wanted:
        ctx.command.shows_all = True  # type: ignore[attr-defined]  # each of our commands has it
        typer.echo(ctx.get_help())
        raise typer.Exit


class AsTyped:
    """Takes values as they were typed: our flags are text, lists of text and switches, and settings check them.

    Typer would load pydantic and build a validator for every flag, before it can show so much as a page of help.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value itself; nothing typed is an empty tuple where there may be many.

        Raises UsageError where a flag stands in the place of a value: the value was forgotten.
        """
        many = param.multiple or param.nargs == -1
        if param.param_type_name == "option":
            flags = {name for each in ctx.command.params for name in each.opts if name.startswith("--")}
            for each in value or () if many else (value,):
                if each in flags:
                    hint = QUIET_HINT if "-q" in param.opts else f"`{ctx.command_path} --help` lists the options."
                    raise UsageError(f"{'/'.join(param.opts)} wants a value, and {each} is a flag.", hint=hint)
        return () if value is None and many else value


def taken_as_typed(parameters: list[Any]) -> list[Any]:
    """The parameters, that of `--help` too, each taking what was typed."""
    for parameter in parameters:
        parameter.get_runtime_param = AsTyped
    return parameters
