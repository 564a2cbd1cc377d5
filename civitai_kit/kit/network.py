"""What asks the site and moves files, from settings: with one pace for all, each made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from civitai_kit.core.errors import ExtraMissing
from civitai_kit.core.events import Emit, SiteWaits, Warned
from civitai_kit.core.proxies import is_in_clear, proxy_for
from civitai_kit.core.retry import RetryRules
from civitai_kit.machine import proxy_variables

if TYPE_CHECKING:
    from civitai_kit.client.exchange import Exchange
    from civitai_kit.client.pacing import Pace
    from civitai_kit.client.site_client import SiteClient
    from civitai_kit.core.errors import DiskError
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.transfer.file.fetch import Fetcher

    _Hearer = Callable[[Exchange], None]


class Network:
    """The client and the fetcher of one command, closed with the stack `closing`; `stop`, once set, halts both.

    `log` is the file of questions and answers, written where the settings ask for it; `listen` hears them, too.
    """

    def __init__(
        self,
        settings: Settings,
        log: Path,
        emit: Emit,
        stop: threading.Event,
        closing: ExitStack,
        *,
        listen: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._emit = emit
        self._stop = stop
        self._closing = closing
        self._listen = listen
        self.retries = RetryRules(max_retries=settings.max_retries, first_wait=settings.retry_delay_ms / 1000)

    @cached_property
    def site(self) -> SiteClient:
        """The site's JSON."""
        from civitai_kit.client.manner import Manner
        from civitai_kit.client.site_client import SiteClient

        settings = self._settings
        manner = Manner(
            base_url=settings.api_url,
            api_key=self._key,
            retry=self.retries,
            timeout=settings.api_client_timeout_sec,
            pace=self._pace,
            on_wait=lambda seconds, why: self._emit(SiteWaits(seconds, why)),
            log=_both(self._closing.enter_context(self._open_log()), self._listen),
            stop=self._stop,
        )
        with _telling_how_to_add():
            client = SiteClient(manner)
        return self._closing.enter_context(client)

    @cached_property
    def fetcher(self) -> Fetcher:
        """What moves files."""
        from civitai_kit.client.exchange import user_agent
        from civitai_kit.transfer.file.fetch import Fetcher

        settings = self._settings
        fetcher = Fetcher(
            site=settings.api_url,
            api_key=self.site.key,
            user_agent=user_agent(),
            timeout=settings.api_client_timeout_sec,
            retries=self.retries,
            connections=settings.connections,
            limit_rate=settings.limit_rate or None,
            stop=self._stop,
            pace=self._pace,
        )
        return self._closing.enter_context(fetcher)

    @property
    def sends_key(self) -> bool:
        """Whether the site is asked with a key."""
        return self._key is not None and self.site.key is not None

    @cached_property
    def _key(self) -> str | None:
        """The key, None also where it would travel in clear, over the network or through a proxy."""
        key, site = self._settings.api_key.get_secret_value(), self._settings.api_url
        proxy = proxy_for(proxy_variables(), site)
        if not key or not is_in_clear(site, proxy):
            return key or None
        if is_in_clear(site, None):
            said = f"The API key is not sent: {site} is asked in clear, and others could read it."
            hint = "A mirror (`civitai-kit serve --files`) needs none; the site itself has https://."
        else:
            said = f"The API key is not sent: {proxy} would see it, for {site} is asked in clear."
            hint = f"Set NO_PROXY={urlsplit(site).hostname}."
        self._emit(Warned(said, hint))
        return None

    @cached_property
    def _pace(self) -> Pace:
        """One for whatever asks the site: a pause that it wants of one is kept by all."""
        from civitai_kit.client.pacing import Pace

        return Pace(self._settings.api_delay_ms / 1000)

    @contextmanager
    def _open_log(self) -> Iterator[Callable[[Exchange], None] | None]:
        if not self._settings.log_api_requests:
            yield None
            return
        from civitai_kit.disk.api_log import ApiLog

        def failed(error: DiskError) -> None:
            self._emit(Warned(f"Questions and answers are not logged: {error.message}", error.hint))

        with ApiLog(self._log, failed) as log:
            yield log.write


def _both(log: _Hearer | None, listen: _Hearer | None) -> _Hearer | None:
    if log is None or listen is None:
        return log or listen

    def hear(done: Exchange) -> None:
        log(done)
        listen(done)

    return hear


@contextmanager
def _telling_how_to_add() -> Iterator[None]:
    """Let the hint about an optional part that is missing name the command that adds it to this installation."""
    try:
        yield
    except ExtraMissing as error:
        from civitai_kit.kit.extras import adding

        error.hint = f"To add it: {adding(error.extra)}. {error.hint or ''}".strip()
        raise
