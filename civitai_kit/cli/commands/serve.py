"""`civitai-kit serve`: the catalogs' API and the library's pages, until Ctrl-C."""

from __future__ import annotations

import errno
import ipaddress
import logging
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import CATALOG, LIBRARY_OUT, SERVE
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.cli.output.safe_text import shown
from civitai_kit.core.errors import CivitaiKitError, Code, UsageError

if TYPE_CHECKING:
    import socket

    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.kit.parts import Kit
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.kit.shared_store import SharedStore
    from civitai_kit.services.live.queue import DownloadQueue
    from civitai_kit.web.app import WebParts
    from civitai_kit.web.guard import Access

MISSING = "Serving needs Starlette and uvicorn, which are not installed."
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
DETAILS = """The catalogs' API is at /api/admin/…, the library's pages at /. /healthz says that the server is there;
/docs and /openapi.json describe the API. It wants a token: --token, the setting, or one that is made once, kept for you
alone and shown when it is made. Listening beyond this machine takes a token that you have set. --allow-origin lets
pages of that origin ask (a browser extension: chrome-extension://ID), --allow-host names the server for browsers,
--files serves the model files below --models-dir, read-only, and makes of the server a mirror: `download --api-url` of
other machines gets from it what is here."""


def run(call: Call) -> Outcome:
    """Serve until a signal comes."""
    try:
        from civitai_kit.web.running import listen, running
    except ImportError as error:
        from civitai_kit.kit.extras import adding

        raise CivitaiKitError(MISSING, code=Code.USAGE, hint=f"{adding('server')} brings them.") from error
    from civitai_kit.kit.shared_store import SharedStore
    from civitai_kit.web.app import make_app

    loaded = call.load()
    settings = loaded.settings
    names = _names(call)
    token, is_new = _token(call, settings)
    with reading(call) as kit, _listener(listen, settings) as listener:
        url = _url(settings, listener)
        shared = SharedStore(kit.ground)
        queue = _queue(loaded, shared)
        parts = _parts(call, kit, queue, shared, token=token, names=names)
        # Downloads end in order while the server still answers, so that whoever follows them sees their end.
        with closing(shared), running(make_app(parts), listener), closing(queue):
            data = {"url": url, "token_is_new": is_new}
            call.console.show("serve", Outcome(data, list(_greeting(url, token if is_new else None))))
            _look_at_catalogs(call, kit)
            call.stop.wait()
    call.console.tell("The server is closed.")
    return Outcome(data)


def _token(call: Call, settings: Settings) -> tuple[str, bool]:
    from civitai_kit.kit.token import kept_token

    typed = settings.serve.token.get_secret_value()
    if typed:
        return typed, False
    if not _is_local(settings.serve.host):
        raise UsageError(
            f"Listening on {settings.serve.host}, others can ask the API, and no token is set.",
            hint="Set one with --token, or serve.token in a settings file, or listen on 127.0.0.1.",
        )
    return kept_token()


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(listen: object, settings: Settings) -> socket.socket:
    assert callable(listen), "it opens a socket"
    try:
        found: socket.socket = listen(settings.serve.host, settings.serve.port)
        return found
    except OSError as error:
        where = f"{settings.serve.host}:{settings.serve.port}"
        why = error.strerror or str(error)
        is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        hint = "--port 0 takes a free port." if is_port else "--host takes an address of this machine."
        raise UsageError(f"Nobody can listen on {where}: {why}.", hint=hint) from error


def _url(settings: Settings, listener: socket.socket) -> str:
    host = settings.serve.host.strip("[]")
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _look_at_catalogs(call: Call, kit: Kit) -> None:
    """Finish what a crash cut in two, and say what will not go well."""
    from civitai_kit.services.catalog.catalogs import finish_promotions

    for notice in kit.ground.catalog_notices():
        call.console.warn(notice)
    try:
        finish_promotions(kit.catalog_parts)
    except CivitaiKitError as error:
        call.console.warn(error.message, error.hint)


def _queue(loaded: Loaded, shared: SharedStore) -> DownloadQueue:
    from civitai_kit.cli.output.logs import logged
    from civitai_kit.kit.live import download_queue

    return download_queue(loaded, shared, logged, _ended)


def _parts(
    call: Call, kit: Kit, queue: DownloadQueue, shared: SharedStore, *, token: str, names: list[str]
) -> WebParts:
    from civitai_kit.web.parts import web_parts

    files = call.has("files")
    return web_parts(kit, queue, shared, token=token, names=names, with_files=files, log=_log, told=_told)


def _names(call: Call) -> list[str]:
    """What browsers may call the server, besides its own names; an address would be let through without."""
    for name in call.many("allow_host"):
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"--allow-host: expected a name, like models.example.org, got {shown(name)!r}.",
                hint="It stands there as in an address of the server, without https:// and without a port.",
            )
    return [name.lower() for name in call.many("allow_host")]


def _log(access: Access) -> None:
    """A request, at the level `info`."""
    took = access.seconds * 1000
    logger = logging.getLogger("civitai_kit.serve")
    logger.info("%s %s %s %s %.0f ms", access.client, access.method, access.path, access.status, took)


def _told(error: CivitaiKitError) -> None:
    """What an answer was refused for."""
    # What was asked for may stand in it, line breaks and all.
    logging.getLogger("civitai_kit.serve").warning("%s: %s", error.code, shown(error.message))


def _ended(row: dict[str, Any]) -> None:
    """What came of a download: at the level `info`, and with its first error at `warning`."""
    logger = logging.getLogger("civitai_kit.serve")
    which = f"download {row['id']}, {shown(row['ref'])}"
    logger.info("%s: %s, %s files", which, row["status"], row["finished"])
    if row["errors"]:
        first = row["errors"][0]
        logger.warning("%s: %s: %s", which, first["code"], shown(first["message"]))


def _greeting(url: str, new_token: str | None) -> list[str]:
    lines = [f"Serving at {url}", f"  pages    {url}/", f"  the API  {url}/docs"]
    if new_token is not None:
        lines += [f"  token    {new_token}", "The token is kept for the next time, and not shown again."]
    return [*lines, "Ctrl-C closes it."]


COMMAND = Command(run, (*SERVE, *CATALOG, LIBRARY_OUT), details=DETAILS)
