"""Where one file's bytes come from: the site's redirect resolved by hand, the signed link kept while it lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

import httpx2

from civitai_kit.core.errors import UnexpectedReply
from civitai_kit.core.retry import LONGEST_RETRY_AFTER, Trouble
from civitai_kit.core.site.replies import login_required
from civitai_kit.core.site.signed_links import signature_life
from civitai_kit.core.url_keys import without_keys
from civitai_kit.transfer.http.answers import Setback, refusal_of_site, refusal_of_storage
from civitai_kit.transfer.http.connection import HttpClient, OpenAnswer
from civitai_kit.transfer.stopping import Stopping

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_HOPS = 5
_MARGIN = 15.0  # Seconds before its end from which on a signed link is not used any more.
_STAMP = "%Y%m%dT%H%M%SZ"
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int | None]


class SitePace(Protocol):
    """The pauses that the site has asked for, shared with whoever else asks it."""

    def held(self) -> float:
        """Seconds to wait before the site may be asked."""

    def hold(self, seconds: float) -> None:
        """Let nobody ask the site for so long."""


class Source:
    """Opens one file, from the site's URL or from the signed link that an earlier call led to.

    Every call to the site's download endpoint costs the user's quota (site.md 7.2), so the link is used for
    ranges and retries until it expires or is refused. Safe to use from many threads: one asks, the others wait.
    """

    def __init__(
        self,
        http: HttpClient,
        stopping: Stopping,
        *,
        url: str,
        site: Origin,
        api_key: str | None,
        clock: Callable[[], float],
        pace: SitePace | None = None,
    ) -> None:
        self._pace = pace
        self._http = http
        self._stopping = stopping
        self._url = parse_url(url)
        self._site = site
        self._api_key = api_key
        self._clock = clock
        self._lock = threading.Lock()
        self._link: httpx2.URL | None = None
        self._link_ends = float("inf")

    @property
    def name(self) -> str:
        """What identifies the file across runs: path and query of the URL, without any key."""
        return source_name(self._url)

    @contextmanager
    def open(self, headers: Mapping[str, str]) -> Iterator[OpenAnswer]:
        """An answer that is the file, a part of it, or 416; cut should everything have to stop.

        Raises Setback with what to do about anything else.
        """
        answer = self._answer(headers)
        try:
            with self._stopping.during(answer.cut):
                if answer.status not in (200, 206, 416):
                    raise self._refusal(answer)
                yield answer
        finally:
            answer.close()

    def forget(self) -> None:
        """Use the signed link no more: the next call asks the site."""
        with self._lock:
            self._link = None

    def _answer(self, headers: Mapping[str, str]) -> OpenAnswer:
        with self._lock:
            link = self._link if self._clock() < self._link_ends else None
            if link is None:
                return self._follow(self._url, headers)
        return self._follow(link, headers)

    def _follow(self, url: httpx2.URL, headers: Mapping[str, str]) -> OpenAnswer:
        for _ in range(_MOST_HOPS + 1):
            self._wait_for_site(url)
            answer = self._http.get(url, self._headers_for(url, headers))
            if answer.status not in _REDIRECTS:
                return answer
            with answer, self._stopping.during(answer.cut):
                url = self._next(answer)
        raise _unexpected(f"{url.host} redirects without end.")

    def _wait_for_site(self, url: httpx2.URL) -> None:
        if self._pace is not None and origin_of(url) == self._site:
            while (seconds := self._pace.held()) > 0:
                self._stopping.pause(seconds)
                self._stopping.check()

    def _headers_for(self, url: httpx2.URL, headers: Mapping[str, str]) -> dict[str, str]:
        if self._api_key and origin_of(url) == self._site:
            return {**headers, "Authorization": f"Bearer {self._api_key}"}
        return dict(headers)

    def _next(self, answer: OpenAnswer) -> httpx2.URL:
        target = _redirect_target(answer)
        if _is_login(target):
            refused = login_required(answer.url.path, status=answer.status, with_key=bool(self._api_key))
            raise Setback(refused, Trouble.REFUSED)
        answer.reply()  # Read to its end, the connection can be used again.
        if origin_of(target) != self._site:
            self._link, self._link_ends = target, self._clock() + _life_of(target, answer.headers, self._clock)
        return target

    def _refusal(self, answer: OpenAnswer) -> Setback:
        reply = answer.reply()
        self._stopping.check()
        if self._api_key:
            reply = replace(reply, body=reply.body.replace(self._api_key.encode(), b"***"))
        if origin_of(answer.url) == self._site:
            refused = refusal_of_site(reply, with_key=bool(self._api_key))
            if self._pace is not None and refused.trouble is Trouble.TOO_FAST and refused.retry_after is not None:
                self._pace.hold(min(refused.retry_after, LONGEST_RETRY_AFTER))
            return refused
        setback = refusal_of_storage(reply, signed=origin_of(self._url) == self._site)
        if setback.stale or setback.trouble is Trouble.NO_SUCH_FILE:
            self.forget()
        return setback


def parse_url(text: str) -> httpx2.URL:
    """An absolute http(s) URL without user info and fragment; Setback for anything else."""
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, TypeError, ValueError) as error:
        raise _unexpected("An address that leads to the file makes no sense.") from error
    if url.scheme not in _PORTS or not url.host or not 0 < (url.port or 1) <= 65535:
        raise _unexpected(f"An address that leads to the file is no web address but begins with {url.scheme[:20]!r}.")
    return url.copy_with(userinfo=b"", fragment=None) if url.userinfo or url.fragment else url


def origin_of(url: httpx2.URL) -> Origin:
    """Scheme, host and port: the key goes only where all three are the site's."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def source_name(url: httpx2.URL) -> str:
    """Path and query of a URL of the site, without host and without any key."""
    query = parse_qsl(url.query.decode("ascii", "replace"))
    return without_keys(url.path + (f"?{urlencode(query)}" if query else ""))


def _redirect_target(answer: OpenAnswer) -> httpx2.URL:
    location = answer.headers.get("location", "")
    if not location:
        raise _unexpected(f"{answer.url.host} redirects to nowhere.")
    try:
        joined = str(answer.url.join(location))
    except (httpx2.InvalidURL, ValueError) as error:
        raise _unexpected(f"{answer.url.host} redirects to an address that makes no sense.") from error
    target = parse_url(joined)
    if answer.url.scheme == "https" and target.scheme != "https":
        raise _unexpected(f"{answer.url.host} redirects from https to plain http; that is refused.")
    return target


def _is_login(target: httpx2.URL) -> bool:
    return target.path.rstrip("/") == "/login" or ("reason", "download-auth") in target.params.multi_items()


def _life_of(link: httpx2.URL, headers: Mapping[str, str], clock: Callable[[], float]) -> float:
    """Seconds that a signed link may still be used, counted by the answer's own clock where it shows one."""
    life = signature_life(link.params.get("X-Amz-Date", ""), link.params.get("X-Amz-Expires", ""))
    if life is None:
        return float("inf")
    signed, seconds = life
    return signed.timestamp() + seconds - _now(headers, clock) - min(_MARGIN, seconds / 4)


def _now(headers: Mapping[str, str], clock: Callable[[], float]) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return clock()


def _unexpected(message: str) -> Setback:
    return Setback(UnexpectedReply(message), Trouble.REFUSED)
