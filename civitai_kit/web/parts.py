"""What is served, from the working parts of a kit."""

from __future__ import annotations

from collections.abc import Callable, Collection

from civitai_kit.disk.folder import Folder
from civitai_kit.kit.parts import Kit
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.web.app import WebParts
from civitai_kit.web.catalog_api import Told
from civitai_kit.web.guard import Access

_LOCAL = ("localhost", "127.0.0.1", "::1")


def web_parts(
    kit: Kit,
    *,
    token: str,
    names: Collection[str] = (),
    with_files: bool = False,
    log: Callable[[Access], None],
    told: Told,
) -> WebParts:
    """The parts of a server by the kit's settings; `names` are more names by which browsers may call it."""
    ground, serve = kit.ground, kit.settings.serve
    catalogs = kit.catalog_parts
    return WebParts(
        catalogs=catalogs,
        answers=MapAnswers(catalogs, Folder(ground.catalog_folder), Folder(ground.models_folder)),
        library=ground.library_folder,
        files=ground.models_folder if with_files else None,
        token=token,
        names={*_LOCAL, serve.host.strip("[]").lower(), *names},
        origins=serve.allow_origins,
        log=log,
        told=told,
    )
