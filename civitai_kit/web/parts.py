"""What is served, from the working parts of a kit."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from civitai_kit.disk.folder import Folder
from civitai_kit.kit.parts import Kit
from civitai_kit.kit.shared_store import SharedStore
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.services.live.orders import read_order
from civitai_kit.services.live.queue import DownloadQueue
from civitai_kit.services.mirror import Mirror
from civitai_kit.web.answers import Told
from civitai_kit.web.app import WebParts
from civitai_kit.web.guard import Access
from civitai_kit.web.live_api import LiveParts

_LOCAL = ("localhost", "127.0.0.1", "::1")


def web_parts(
    kit: Kit,
    queue: DownloadQueue,
    shared: SharedStore,
    *,
    token: str,
    names: Collection[str] = (),
    with_files: bool = False,
    log: Callable[[Access], None],
    told: Told,
) -> WebParts:
    """The parts of a server by the kit's settings; `names` are more names by which browsers may call it.

    `shared` is the database, for a mirror to read.
    """
    ground, serve = kit.ground, kit.settings.serve
    catalogs = replace(kit.catalog_parts, moving=queue.moving)
    places = ground.places()
    return WebParts(
        catalogs=catalogs,
        answers=MapAnswers(catalogs, Folder(ground.catalog_folder), Folder(ground.models_folder)),
        live=LiveParts(queue, lambda wanted: read_order(wanted, kit.settings.api_url, places)),
        library=ground.library_folder,
        files=ground.models_folder if with_files else None,
        mirror=_mirror(kit, shared, places) if with_files else None,
        token=token,
        names={*_LOCAL, *_own_names(), serve.host.strip("[]").lower(), *names},
        origins=serve.allow_origins,
        log=log,
        told=told,
    )


def _own_names() -> set[str]:
    """The names by which a home network calls this machine: no page of a stranger has one of them."""
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    return {own, short, f"{short}.local"} if short else set()


def _mirror(kit: Kit, shared: SharedStore, places: tuple[str, ...]) -> Mirror:
    reading = partial(shared.store, _unheard, read_only=True)
    return Mirror(reading=reading, disk=kit.disk, ours=places)


def _unheard(event: object) -> None:
    """Reading the database tells nothing that a log should hold."""
