"""Spans of requests, by OpenTelemetry's names, where it is installed; nothing otherwise."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from civitai_kit.core.version import __version__

if TYPE_CHECKING:
    from civitai_kit.client.conversation import Request
    from civitai_kit.client.exchange import Exchange

# What stands for one thing among many: an id or a digest.
_ONE_OF_MANY = re.compile(r"/(?:[0-9]+|[0-9A-F]{8,64})(?=/|$)")


class Tracing:
    """Begins a span for a request; without OpenTelemetry there are none."""

    def __init__(self) -> None:
        self._trace: Any = import_module("opentelemetry.trace") if _is_there() else None

    def begin(self, request: Request) -> Span:
        """The span of a request, within the one that is current."""
        if self._trace is None:
            return Span(None)
        place, template = urlsplit(request.url), _ONE_OF_MANY.sub("/{id}", request.endpoint)
        attributes = {
            "http.request.method": request.method,
            "server.address": place.hostname or "",
            "url.template": template,
            **({"server.port": place.port} if place.port else {}),
        }
        # The tracer is asked for each time: a program may set its provider up after its clients.
        tracer = self._trace.get_tracer("civitai_kit", __version__)
        kind = self._trace.SpanKind.CLIENT
        return Span(tracer.start_span(f"{request.method} {template}", kind=kind, attributes=attributes), self._trace)


class Span:
    """A span of one request, or none."""

    def __init__(self, span: Any, trace: Any = None) -> None:
        self._span = span
        self._trace = trace

    def end(self, done: Exchange) -> None:
        """End it with what came of the request; nothing of it is secret."""
        if self._span is None:
            return
        self._span.set_attribute("url.full", done.url)
        self._span.set_attribute("http.response.body.size", done.size)
        if done.status is not None:
            self._span.set_attribute("http.response.status_code", done.status)
        if done.trouble is not None or done.status is None or done.status >= 400:
            self._span.set_attribute("error.type", str(done.status or "network"))
            self._span.set_status(self._trace.StatusCode.ERROR, done.trouble)
        self._span.end()


def _is_there() -> bool:
    """Whether OpenTelemetry's API is installed."""
    try:
        return find_spec("opentelemetry.trace") is not None
    except ModuleNotFoundError:
        return False
