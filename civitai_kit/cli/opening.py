"""How commands open what they work with: for reading where that is enough, so that no database is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call

if TYPE_CHECKING:
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.kit.parts import Kit
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.services.download.download import DownloadOptions


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
    from civitai_kit.cli.output.logs import logged
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_kit

    with (
        Progress(call.console) as progress,
        open_kit(loaded, logged(progress), writing=True, command=call.command, stop=call.stop) as kit,
    ):
        yield kit, progress


def is_empty(call: Call, loaded: Loaded) -> bool:
    """Whether there is no entry, found out without making anything."""
    from civitai_kit.kit.parts import open_kit

    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        return kit.store.count() == 0


def download_options(settings: Settings) -> DownloadOptions:
    """How files are fetched, and what is saved beside them, as the settings have it."""
    from civitai_kit.core.sidecars.formats import format_named
    from civitai_kit.services.download.download import DownloadOptions

    return DownloadOptions(
        concurrency=settings.concurrency,
        connections=settings.connections,
        duplicates=settings.duplicates,
        allow_hash_mismatch=settings.allow_hash_mismatch,
        metadata=settings.metadata,
        sidecars=tuple(format_named(name) for name in settings.library.sidecars),
        model_info=settings.model_info or settings.model_images,
        version_images=settings.version_images,
        model_images=settings.model_images,
    )


def _unheard(event: object) -> None:
    """Reading the database tells nothing worth drawing."""
