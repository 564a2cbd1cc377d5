"""Spans of requests, by OpenTelemetry's names, where a program uses it; nothing otherwise."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from civitai_kit.core.version import __version__

if TYPE_CHECKING:
    from civitai_kit.client.conversation import Request
    from civitai_kit.client.exchange import Exchange

_API = "opentelemetry.trace"
# What stands for one thing among many: an id or a digest.
_ONE_OF_MANY = re.compile(r"/(?:[0-9]+|[0-9A-F]{8,64})(?=/|$)")


def begin_span(request: Request) -> Span:
    """The span of a request, within the one that is current; none where the program has not loaded OpenTelemetry.

    Looked for each time, for a program may load it, and set its provider up, after its clients.
    """
    if sys.modules.get(_API) is None:
        return Span(None)
    trace: Any = import_module(_API)
    place, template = urlsplit(request.url), _ONE_OF_MANY.sub("/{id}", request.endpoint)
    attributes = {
        "http.request.method": request.method,
        "server.address": place.hostname or "",
        "url.template": template,
        **({"server.port": place.port} if place.port else {}),
    }
    tracer = trace.get_tracer("civitai_kit", __version__)
    kind = trace.SpanKind.CLIENT
    return Span(tracer.start_span(f"{request.method} {template}", kind=kind, attributes=attributes), trace)


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
