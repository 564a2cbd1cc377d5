"""Building blocks of the pretend site's answers: JSON, HTML, the query of a request and who is asking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from civitai_kit.sandbox import pages
from civitai_kit.sandbox.state import API_KEY, SandboxState

PUBLIC_CACHE = "public, s-maxage=300, stale-while-revalidate=150"
PRIVATE_CACHE = "max-age=0, private, no-cache"
REGION_TEXT = "Access to this service is not available in your region due to legal restrictions."
BROWSER_WORDS = ("mozilla", "chrome", "safari", "firefox", "opera", "edge")


class SiteRefusal(Exception):
    """A request ends here with a ready answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, unicode kept."""
    raw = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")
    return Response(raw, status, headers, media_type="application/json; charset=utf-8")


def error(status: int, message: Any, /, **more: Any) -> Response:
    """`{"error": …}`, the most usual shape of a refusal (site.md 1.4)."""
    return json_reply({"error": message} | more, status)


def html_not_found() -> Response:
    """What the site says to a path it does not know."""
    return HTMLResponse(pages.NOT_FOUND, 404)


def state_of(request: Request) -> SandboxState:
    """The state of the running sandbox."""
    state = request.app.state.sandbox
    assert isinstance(state, SandboxState)
    return state


def query_of(request: Request) -> dict[str, list[str]]:
    """Every parameter with its values in order, empty ones too."""
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(request.url.query, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    return query


def signed_in(request: Request) -> bool:
    """Whether the caller's key is good; with a bad one the site goes on as with none (site.md 1.2)."""
    header = request.headers.get("authorization")
    if header is not None:
        parts = header.split(" ")
        return len(parts) > 1 and parts[1] == API_KEY
    return request.query_params.get("token") == API_KEY


def is_browser(request: Request) -> bool:
    """Whether the User-Agent looks like a browser to the site (site.md 7.2)."""
    agent = request.headers.get("user-agent", "").lower()
    return any(word in agent for word in BROWSER_WORDS)


def origin(request: Request) -> str:
    """Scheme and host as the caller named them."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def next_page(request: Request, **changed: Any) -> str:
    """The URL of the next page: the caller's whole query, a key included, and what changed (site.md 2.3)."""
    query: dict[str, Sequence[str]] = {key: values for key, values in query_of(request).items() if key not in changed}
    query |= {key: [str(value)] for key, value in changed.items()}
    return f"{origin(request)}{request.url.path}?{urlencode(query, doseq=True, quote_via=quote)}"
