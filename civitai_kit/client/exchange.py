"""The border to the HTTP library: what is sent with a request, what an exchange was, what its failures mean."""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx2

from civitai_kit.answer_heads import EndlessHead
from civitai_kit.client.conversation import NoAnswer, Request, Response
from civitai_kit.core.errors import UnexpectedReply, UsageError
from civitai_kit.core.network_errors import login_of_proxy, no_answer, plain_text, unusable_proxy
from civitai_kit.core.proxies import Proxy, is_in_clear, is_loopback
from civitai_kit.core.retry import Trouble
from civitai_kit.core.url_keys import without_keys
from civitai_kit.core.version import __version__

H = TypeVar("H", httpx2.Client, httpx2.AsyncClient)

# A page of 100 models with long descriptions is a few megabytes; this is far beyond.
LARGEST_BODY = 64 * 1024 * 1024

_CODINGS = frozenset({"", "identity", "gzip", "deflate"})

# What is shorter could be a word of the answer; the site's keys have 32 digits.
_SHORTEST_KEY = 8

# What may stand in a log; everything else of a header is cut.
_OPEN_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "age", "cache-control", "cf-cache-status", "cf-ray", "content-encoding"),
        *("content-length", "content-type", "date", "retry-after", "server", "user-agent", "x-handled-by"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as `log=` hears of it; it holds no secret.

    A request that is tried again is told of once a try.
    """

    method: str
    """`GET` or `POST`."""
    url: str
    """Whole, without a key."""
    status: int | None
    """The HTTP status; None where no answer came."""
    seconds: float
    """From the sending to the last byte."""
    size: int
    """How many bytes the body has, decoded."""
    request_headers: dict[str, str]
    """Names in lower case; what may hold a key or cookie reads `…`, here and in the answer's."""
    response_headers: dict[str, str]
    """Empty where no answer came."""
    trouble: str | None = None
    """Why no answer came, or why it was not read to its end."""


class Attempt:
    """One sending of a request: collects the body of the answer, within a limit, and records what happened."""

    def __init__(self, request: Request, timeout: float, proxy: Proxy | None = None) -> None:
        self._request = request
        self._timeout = timeout
        self._proxy = proxy
        self._start = monotonic()
        self._answer: Any = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._trouble: str | None = None

    def open(self, answer: Any) -> None:
        """Begin an answer.

        Raises NoAnswer for one of a proxy, and for a body in another compression than those that were asked for, or in
        several: a small one could unpack to any size at once.
        """
        self._answer = answer
        if refused := login_of_proxy(self._proxy, answer.status_code, self._request.endpoint):
            self._trouble = refused[0].message
            raise NoAnswer(*refused)
        coding = answer.headers.get("content-encoding", "").strip().lower()
        if coding not in _CODINGS:
            said = f"The site's answer is packed in a way that is not read ({coding[:40]!r})."
            raise self._failure(said, Trouble.GARBLED, "Try again later; something on the way may pack it so.")

    def take(self, chunk: bytes, largest: int) -> None:
        """Add the next decoded bytes. Raises NoAnswer when the body is larger than `largest`."""
        self._size += len(chunk)
        if self._size > largest:
            said = f"The site's answer is bigger than {largest // 2**20} MiB."
            raise self._failure(said, Trouble.REFUSED, "Ask for less at once (--page-size, limit).")
        self._chunks.append(chunk)

    def refused(self, refusal: Any, largest: int) -> Attempt:
        """Take the answer that a hook of the user's client has raised for; its body is there where the hook read it."""
        self.open(refusal.response)
        with suppress(RuntimeError):
            self.take(refusal.response.content, largest)
        return self

    def response(self, secret: str) -> Response:
        """The answer, when the body has ended; our `secret` is cut where the site repeats it, for answers are kept."""
        body = b"".join(self._chunks)
        if len(secret) >= _SHORTEST_KEY:
            body = body.replace(secret.encode(), "…".encode())
        return Response(self._answer.status_code, dict(self._answer.headers), body)

    def failed(self, error: Exception) -> NoAnswer:
        """What a failure of the library means."""
        parts = urlsplit(self._request.url)
        host = parts.hostname or "the site"
        why, trouble = no_answer(error, host, silence=self._timeout, endpoint=parts.path, proxy=self._proxy)
        self._trouble = why.message
        if isinstance(why, UnexpectedReply):
            why.status = self._status
        return NoAnswer(why, trouble)

    def exchange(self, sent: Mapping[str, str], clean: Callable[[str], str]) -> Exchange:
        """What happened, for a log; `sent` are the headers that went out, `clean` cuts our secret out of a text."""
        return Exchange(
            method=self._request.method,
            url=clean(_open_url(self._request)),
            status=self._status,
            seconds=monotonic() - self._start,
            size=self._size,
            request_headers=dict(_redacted(sent, clean)),
            response_headers={} if self._answer is None else dict(_redacted(self._answer.headers, clean)),
            trouble=self._trouble and clean(self._trouble),
        )

    def _failure(self, said: str, trouble: Trouble, hint: str) -> NoAnswer:
        self._trouble = said
        return NoAnswer(UnexpectedReply(said, status=self._status, endpoint=self._request.endpoint, hint=hint), trouble)

    @property
    def _status(self) -> int | None:
        return None if self._answer is None else int(self._answer.status_code)


def failures() -> tuple[type[Exception], ...]:
    """The exception classes of the loaded HTTP libraries: ours, and that of a client which a user handed in."""
    return (EndlessHead, *(library.RequestError for library in _loaded()))


def refusals() -> tuple[type[Exception], ...]:
    """What their `raise_for_status` raises, which users call in hooks of their clients."""
    return tuple(library.HTTPStatusError for library in _loaded())


def _loaded() -> list[Any]:
    return [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]


def has_name(headers: Mapping[str, str]) -> bool:
    """Whether an HTTP client has a User-Agent of its own; the site's edge may refuse the library's default."""
    return not headers.get("user-agent", "python-httpx").startswith("python-httpx")


def headers_of(request: Request, key: str | None, named: bool) -> dict[str, str]:
    """The headers to send: the key where one was given, our name where `named`."""
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if named:
        headers["User-Agent"] = user_agent()
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def user_agent() -> str:
    """Our User-Agent. It must not look like a browser's: the site answers browsers with pages (site.md 12.1)."""
    return f"civitai-kit/{__version__} (+https://github.com/civitai-kit/civitai-kit)"


def sound_key(key: str | None) -> str | None:
    """A key without white space around it; raises UsageError for one that cannot stand in a header."""
    plain = key.strip() if isinstance(key, str) else key or ""
    if not isinstance(plain, str) or not re.fullmatch(r"[!-~]*", plain):
        raise UsageError("The API key holds characters that no key has.", hint="Copy it again from your account.")
    return plain or None


def key_in(header: str) -> str | None:
    """The key in an Authorization header, None where it holds none."""
    scheme, _, key = header.partition(" ")
    return key if scheme.lower() == "bearer" and key else None


def sound_site(url: str) -> str:
    """The site's root without a slash at its end. Raises UsageError for anything that is no web address."""
    plain = str(url).strip()
    if not _is_site(plain):
        raise UsageError(f"{plain.split('@')[-1]!r} is no address of a site.", hint="Such as https://civitai.com.")
    return plain.rstrip("/").removesuffix("/api/v1")


def _is_site(url: str) -> bool:
    try:
        parts, read = urlsplit(url), httpx2.URL(url)
    except (ValueError, httpx2.InvalidURL):
        return False
    extra = read.userinfo or read.query or read.fragment or re.search(r"[\s%\\]", url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not extra


def own_http(kind: type[H], site: str, proxy: Proxy | None) -> H:
    """An HTTP client of ours; raises UsageError where its proxy or the environment's certificates cannot be used."""
    trust = _trust(site)
    try:
        # The environment is read by us: of its proxies only the one for the site may count.
        return kind(follow_redirects=False, verify=trust, proxy=proxy and proxy.url, trust_env=False)
    except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
        if proxy is None:
            raise
        raise unusable_proxy(error, proxy) from error


def refuse_key_in_clear(key: str | None, site: str, proxy: Proxy | None) -> None:
    """Raise UsageError where a key would travel so that others can read it."""
    if key is None or not is_in_clear(site, proxy):
        return
    way = f" through {proxy}" if proxy else ""
    other = (
        f"set NO_PROXY={urlsplit(site).hostname}" if proxy and is_loopback(site) else "give no key: a mirror needs none"
    )
    hint = f"Use https://, or {other}."
    raise UsageError(f"The API key would travel to {site}{way} in clear.", hint=hint)


def _trust(site: str) -> ssl.SSLContext | bool:
    """The certificates to trust; none are read for a `site` in plain HTTP, for redirects stay within its origin."""
    if site.startswith("http://"):
        return False
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:
        named = " and ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name))
        hint = f"Look at {named or 'SSL_CERT_FILE and SSL_CERT_DIR'}."
        raise UsageError(f"The certificates to trust cannot be read: {plain_text(error)}.", hint=hint) from error


def _open_url(request: Request) -> str:
    parts = urlsplit(request.url)
    query = parts.query or urlencode(request.params)
    return without_keys(f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else ""))


def _redacted(headers: Mapping[str, str], clean: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        yield name.lower(), clean(value) if name.lower() in _OPEN_HEADERS else "…"
