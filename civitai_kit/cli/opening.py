"""How commands open what they work with: for reading where that is enough, so that no database is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call

if TYPE_CHECKING:
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import Kit
    from civitai_kit.kit.settings import Loaded


@contextmanager
def reading(call: Call) -> Iterator[Kit]:
    """The working parts for a command that changes nothing."""
    from civitai_kit.kit.parts import open_kit

    loaded = call.load()
    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        yield kit


@contextmanager
def writing(call: Call, loaded: Loaded) -> Iterator[tuple[Kit, Progress]]:
    """The working parts for a command that writes, under the save path's lock, with its progress shown."""
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_kit

    with (
        Progress(call.console) as progress,
        open_kit(loaded, progress, writing=True, command=call.command, stop=call.stop) as kit,
    ):
        yield kit, progress


def is_empty(call: Call, loaded: Loaded) -> bool:
    """Whether there is no entry, found out without making anything."""
    from civitai_kit.kit.parts import open_kit

    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        return kit.store.count() == 0


def has_no_library(call: Call, loaded: Loaded) -> bool:
    """Whether no file of the library is known, found out without making anything."""
    from civitai_kit.kit.parts import open_kit

    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        return next(kit.library_parts.files(), None) is None


def _unheard(event: object) -> None:
    """Reading the database tells nothing worth drawing."""
