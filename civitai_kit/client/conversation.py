"""A call as a conversation: a generator that yields a Request or a Sleep and is sent the Response.

It does no I/O, so the same call serves the blocking and the asynchronous client, and its patience is tested by
counting the seconds it yields. What the network does is told to it by throwing a `NoAnswer` in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from random import random
from typing import Any, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from civitai_kit.core.errors import SiteError, UnexpectedReply, UsageError
from civitai_kit.core.retry import FailedTry, RetryPolicy, RetryRules, Trouble, wait_said
from civitai_kit.core.site.replies import error_for, is_login_address, login_required, trouble_in
from civitai_kit.core.site.strict_json import NotJson, parse_json

T = TypeVar("T")

_MOST_REDIRECTS = 5
_LATER = "Try again later. Is the site's address (--api-url, base_url) right?"
# HTTP libraries take 65,536 letters; many servers fewer, and say so.
_LONGEST_QUERY = 60_000


class Request(NamedTuple):
    """A request to send: an absolute `url` without query, its parameters, and a JSON body or None."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def endpoint(self) -> str:
        """The path asked, without the query."""
        return urlsplit(self.url).path


class Response(NamedTuple):
    """An answer: `headers` with names in lower case, and the decoded `body`."""

    status: int
    headers: Mapping[str, str]
    body: bytes


SLEPT = Response(0, {}, b"")
"""What a Sleep is answered with."""


class Sleep(NamedTuple):
    """A pause before the next try; `everybody` says that other requests should pause too."""

    seconds: float
    why: str
    everybody: bool = False


class NoAnswer(Exception):
    """A try that got no answer: `error` says why, `trouble` whether another may help. Thrown into the conversation."""

    def __init__(self, error: SiteError, trouble: Trouble = Trouble.NETWORK) -> None:
        super().__init__(error.message)
        self.error = error
        self.trouble = trouble


Call: TypeAlias = Generator[Request | Sleep, Response, T]
Fits: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True)
class Asker:
    """How to ask: the site's root, the retry policy, and a source of numbers from 0 to 1 that spreads the waits.

    `has_key` says that a key goes along: where the site wants a login then, the key is no good.
    """

    site: str = "https://civitai.com"
    rules: RetryPolicy = field(default_factory=RetryRules)
    chance: Callable[[], float] = random
    has_key: bool = False

    def get(self, path: str, fits: Fits, params: Iterable[tuple[str, str]] = ()) -> Call[Any]:
        """Ask for the JSON at a path under `/api/v1`; raises a SiteError when the site does not give.

        `fits` says whether an answer has the shape that it should have. Raises UsageError before it asks where the
        parameters are too long for a URL.
        """
        asked = tuple(params)
        if len(urlencode(asked)) > _LONGEST_QUERY:
            raise UsageError("What is asked for is too long for a URL.", hint="Name fewer or shorter things at once.")
        request = Request("GET", f"{self.site}/api/v1{path}", asked)
        return self._ask(lambda: self._json(request, fits))

    def post(self, path: str, fits: Fits, body: bytes) -> Call[Any]:
        """Send JSON to a path under `/api/v1` and give the JSON of the answer; else as `get`."""
        request = Request("POST", f"{self.site}/api/v1{path}", body=body)
        return self._ask(lambda: self._json(request, fits))

    def link(self, path: str, params: Iterable[tuple[str, str]] = ()) -> Call[str]:
        """The address outside the site to which a path of the site leads; nothing is asked of it, least of all the key.

        Raises a SiteError where the site does not lead there.
        """
        request = Request("GET", f"{self.site}{path}", tuple(params))
        return self._ask(lambda: self._lead(request))

    def _ask(self, attempt: Callable[[], Call[T]]) -> Call[T]:
        tried = 0
        while True:
            tried += 1
            try:
                return (yield from attempt())
            except NoAnswer as failure:
                failed = failure
            wait = wait_said(self.rules, _as_seen(failed, tried, self.chance()))
            if wait is None:
                raise _counted(failed.error, tried) from None
            yield Sleep(wait, failed.error.message, everybody=failed.trouble is Trouble.TOO_FAST)

    def _json(self, request: Request, fits: Fits) -> Call[Any]:
        response, away = yield from self._follow(request)
        if away is not None:
            raise NoAnswer(_leads_away(response.status, request.endpoint, away), Trouble.REFUSED)
        return _result(response, request.endpoint, fits, with_key=self.has_key)

    def _lead(self, request: Request) -> Call[str]:
        response, away = yield from self._follow(request)
        if away is None:
            raise _no_answer(response, request.endpoint, with_key=self.has_key, download=True)
        if urlsplit(away).hostname is None or (request.url.startswith("https:") and not away.startswith("https:")):
            raise NoAnswer(_leads_away(response.status, request.endpoint, away), Trouble.REFUSED)
        return away

    def _follow(self, request: Request) -> Call[tuple[Response, str | None]]:
        """Send a request and follow redirects by hand, so that the key stays with the site.

        Gives the last answer of the site, and the address outside it to which that leads ("" for one that is none).
        """
        asked = request.endpoint
        for _ in range(_MOST_REDIRECTS):
            response = yield request
            where = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or where is None:
                return response, None
            target = _joined(request.url, where)
            if target is not None and is_login_address(target):
                raise NoAnswer(login_required(asked, status=response.status, with_key=self.has_key), Trouble.REFUSED)
            if target is None or origin(target) != origin(request.url):
                return response, target or ""
            request = _redirected(request, response.status, target)
        circles = UnexpectedReply("The site redirects in circles.", endpoint=asked, hint=_LATER)
        raise NoAnswer(circles, Trouble.REFUSED)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: where a key belongs."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _redirected(request: Request, status: int, target: str) -> Request:
    keeps = status in (307, 308) or request.method == "GET"
    return Request(request.method if keeps else "GET", target, (), request.body if keeps else None)


def _joined(url: str, where: str) -> str | None:
    """Where a redirect leads, None where that is no address."""
    try:
        target = urljoin(url, where)
        origin(target)
    except ValueError:
        return None
    return target


def _leads_away(status: int, endpoint: str, target: str) -> SiteError:
    scheme, host, _ = origin(target)
    named = f"{scheme}://{host}" if host else "one that cannot be read"
    return UnexpectedReply(
        f"The site sends us to another address, {named}, where the key must not go.",
        status=status,
        endpoint=endpoint,
        hint="If that is the site's new address, name it (--api-url, base_url).",
    )


def _result(response: Response, endpoint: str, fits: Fits, *, with_key: bool) -> Any:
    if 200 <= response.status < 300:
        try:
            answer = parse_json(response.body)
        except NotJson:
            pass
        else:
            if fits(answer):
                return answer
    raise _no_answer(response, endpoint, with_key=with_key)


def _no_answer(response: Response, endpoint: str, *, with_key: bool, download: bool = False) -> NoAnswer:
    error = error_for(response.status, response.headers, response.body, endpoint, with_key=with_key)
    trouble = trouble_in(response.status, response.headers, response.body, download=download)
    return NoAnswer(error, trouble)


def _as_seen(failed: NoAnswer, tried: int, chance: float) -> FailedTry:
    return FailedTry(
        error=failed.error, trouble=failed.trouble, tried=tried, retry_after=failed.error.retry_after, chance=chance
    )


def _counted(error: SiteError, tried: int) -> SiteError:
    if tried > 1:
        error.hint = f"Asked {tried} times. {error.hint or ''}".strip()
    return error
