"""What `config check` works with, from settings: the network with one try, the save path, files and extras."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from civitai_kit.client.exchange import Exchange
from civitai_kit.core.events import Emit
from civitai_kit.core.settings.check_report import SettingsFile
from civitai_kit.core.site.models import User
from civitai_kit.kit.extras import installed_extras
from civitai_kit.kit.ground import Ground
from civitai_kit.kit.network import Network
from civitai_kit.kit.settings import Loaded, is_open_to_others
from civitai_kit.services.check import CheckParts


@contextmanager
def open_check(
    loaded: Loaded, files: tuple[Path, ...], emit: Emit, *, command: str, stop: threading.Event
) -> Iterator[CheckParts]:
    """The parts of a check, closed whatever happens; `files` are those that settings are read from."""
    # A check says how things stand now: it asks once.
    settings = loaded.settings.model_copy(update={"max_retries": 0})
    ground = Ground(settings, command)
    heard: dict[str, str] = {}

    def listen(done: Exchange) -> None:
        heard.update(done.response_headers)

    with ExitStack() as stack:
        network = Network(settings, ground.disk.root / "api.log", emit, stop, stack, listen=listen)

        def ask() -> User:
            return network.site.me()

        yield CheckParts(
            ask=ask,
            heard=heard,
            key_origin=loaded.provenance["api_key"] if settings.api_key.get_secret_value() else None,
            sends_key=lambda: network.sends_key,
            site_url=settings.api_url,
            disk=ground.disk,
            now=lambda: datetime.now(UTC),
            settings_files=tuple(map(_file, dict.fromkeys(files))),
            extras=installed_extras(),
        )


def _file(path: Path) -> SettingsFile:
    exists = path.is_file()
    return SettingsFile(str(path), exists, exists and is_open_to_others(path))
