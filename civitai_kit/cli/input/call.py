"""One call of a command: what was typed, where to speak, when to stop; settings are loaded from here."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.options import Flag
from civitai_kit.cli.output.console import Console
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.settings.layers import Layer
    from civitai_kit.kit.settings import Loaded


@dataclass(frozen=True, slots=True)
class Call:
    """What a command is given. `typed` is `dest` → value of what was typed, nothing for what was not.

    A command that `is_local` never asks the site, so the keyring is not asked for a key.
    """

    command: str
    typed: Mapping[str, Any]
    flags: tuple[Flag, ...]
    console: Console
    stop: threading.Event
    is_local: bool = False

    @property
    def arguments(self) -> list[str]:
        """The positional arguments."""
        return list(self.typed.get("arguments", ()))

    def one_file(self) -> str:
        """The one FILE that the command takes, - for a pipe; raises UsageError for none and for several."""
        if len(self.arguments) != 1:
            raise UsageError("One FILE is needed.", hint=f"`civitai-kit {self.command} FILE`, or - for a pipe.")
        return self.arguments[0]

    def has(self, dest: str) -> bool:
        """Whether a switch was typed."""
        return bool(self.typed.get(dest, False))

    def many(self, dest: str) -> tuple[str, ...]:
        """The values of a list option, repeated or comma-separated."""
        values = self.typed.get(dest, ())
        return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))

    def flag(self, dest: str) -> Flag | None:
        """The flag of a name among what was typed."""
        return next((flag for flag in self.flags if flag.dest == dest), None)

    def layer(self) -> Layer:
        """The flags that set something, as the topmost layer of settings."""
        from civitai_kit.core.settings.layers import Layer

        flags = {flag.key: flag for flag in self.flags if flag.key and flag.dest in self.typed}
        values = {key: self.many(flag.dest) if flag.many else self.typed[flag.dest] for key, flag in flags.items()}
        return Layer("flags", values, {key: flag.long for key, flag in flags.items()}, typed=True)

    def load(self) -> Loaded:
        """The settings of this call, with its flags on top; their warnings are said, and logging is set up."""
        from civitai_kit.cli.output.logs import set_up
        from civitai_kit.kit.settings import load_settings

        config = self.typed.get("config")
        path = Path(config) if config is not None else None
        loaded = load_settings(
            self.layer(), config=path, env=os.environ, cwd=Path.cwd(), with_keyring=not self.is_local
        )
        set_up(loaded.settings, self.console)
        for warning in loaded.warnings:
            self.console.warn(warning)
        return loaded._replace(warnings=())
