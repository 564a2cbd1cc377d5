"""What `COMMAND --help` shows: its arguments with what they mean, its own options, and apart those of every command."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from typer.core import TyperCommand

from civitai_kit.cli.input.options import Positional
from civitai_kit.core.errors import UsageError

QUIET_HINT = "Quiet is --quiet, or -q before the command."


class HelpfulCommand(TyperCommand):
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
        parameters = [one for one in self.get_params(ctx) if one.param_type_name == "option"]
        grouped = frozenset().union(*self.panels.values())
        others = frozenset(one.name for one in parameters) - grouped
        for title, names in (*self.panels.items(), ("Global options", others)):
            shown = [record for one in parameters if one.name in names and (record := one.get_help_record(ctx))]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown)


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
