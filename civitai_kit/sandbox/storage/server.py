"""The second host: signed model files and the image delivery, from a threaded server that copies little."""

from __future__ import annotations

import os
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from civitai_kit.sandbox import pages
from civitai_kit.sandbox.faults import Pending
from civitai_kit.sandbox.state import RequestRecord, SandboxState
from civitai_kit.sandbox.storage import faults as storage_faults
from civitai_kit.sandbox.storage import urls
from civitai_kit.sandbox.storage.faults import NO_SUCH_RANGE, StorageRefusal
from civitai_kit.sandbox.worlds.bodies import Body

CHUNK = 256 * 1024
RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
MODIFIED, CHANGED = "Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 02 Jan 2026 00:00:00 GMT"
TICK = 0.02
"""Seconds between two portions of a throttled body."""


@dataclass(slots=True)
class Found:
    """An object to send: its bytes, type, and the name the client should give it."""

    body: Body
    content_type: str = "application/octet-stream"
    disposition: str | None = None


class StorageServer(ThreadingHTTPServer):
    """The storage and image host of one sandbox."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], state: SandboxState) -> None:
        self.state = state
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection so that `close` can end it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection without an orderly end before it, so that a reset is seen as a reset."""
        self._open.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client went away; anything else is an error of the sandbox and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving and end every connection, stalled ones too."""
        self.stopping.set()
        self.shutdown()
        for connection in list(self._open):
            _quietly_shut(connection)
        self.server_close()

    def server_close(self) -> None:
        """Close the listening socket without waiting for handler threads."""
        self.socket.close()


class Handler(BaseHTTPRequestHandler):
    """One connection to the storage host."""

    protocol_version = "HTTP/1.1"
    server: StorageServer
    wbufsize = 0
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send an object or the reason why not."""
        self._answer()

    def do_HEAD(self) -> None:
        """Send the headers of an object."""
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr; the requests are kept in the log."""

    def version_string(self) -> str:
        """What the `Server` header says."""
        return "cloudflare"

    def _answer(self) -> None:
        state = self.server.state
        self.record = self._record()
        state.requests.add(self.record)
        faults = {taken.name: taken for taken in state.faults.take("storage", self.path)}
        try:
            if not self._replaced(faults):
                self._send(self._find(), faults)
        except StorageRefusal as refused:
            self._send_error_document(refused)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _record(self) -> RequestRecord:
        path, _, query = self.path.partition("?")
        headers = {key.lower(): value for key, value in self.headers.items()}
        return RequestRecord("storage", self.command, path, query, headers, time.monotonic())

    # -- finding ----------------------------------------------------------------------------------------------

    def _find(self) -> Found:
        if "authorization" in self.headers:
            raise StorageRefusal(400, "InvalidArgument", "Only one auth mechanism allowed")
        parts = urlsplit(self.path)
        file_id = urls.file_id_of(parts.path)
        if file_id is None:
            return self._find_image(parts.path)
        code = urls.refusal(parts.path, parts.query)
        if code is not None:
            raise StorageRefusal(403, code, "Request has expired" if code == "ExpiredRequest" else "Access Denied")
        known = self.server.state.world.file(file_id)
        if known is None:
            raise StorageRefusal(404, "NoSuchKey", "The specified key does not exist.")
        return Found(known[1].body, disposition=urls.disposition(parts.query))

    def _find_image(self, path: str) -> Found:
        found = urls.delivered(self.server.state.world, path)
        if found is None:
            raise StorageRefusal(404, "NoSuchKey", "The specified key does not exist.")
        return Found(found[0], found[1])

    # -- faults that replace the answer -----------------------------------------------------------------------

    def _replaced(self, faults: dict[str, Pending]) -> bool:
        name, pending = next(iter(faults.items()), ("", None))
        if pending is None or not pending.fault.replaces:
            return False
        match name:
            case "storage_reset":
                self._reset()
            case "html_file":
                self._send_text(200, "text/html; charset=utf-8", pages.LOGIN)
            case "json_file":
                self._send_text(200, "application/json; charset=utf-8", '{"error":"File not found"}')
            case "redirect_loop":
                self._redirect(self.path)
            case "redirect_chain":
                self._redirect_on(int(pending.number("hops")))
            case _:
                raise storage_faults.refusal_for(pending)
        return True

    def _redirect_on(self, hops: int) -> None:
        if hops > 1:
            self.server.state.faults.add("redirect_chain", match=self.path, hops=hops - 1)
        self._redirect(self.path)

    def _redirect(self, location: str) -> None:
        self._start(302, {"Location": location, "Content-Length": "0"})

    def _reset(self) -> None:
        reset_when_closed(self.connection)
        raise ConnectionResetError

    # -- sending ----------------------------------------------------------------------------------------------

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.record.status = status
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _send_text(self, status: int, content_type: str, text: str) -> None:
        content = text.encode()
        self._start(status, {"Content-Type": content_type, "Content-Length": str(len(content))})
        if self.command != "HEAD":
            self.connection.sendall(content)

    def _send_error_document(self, refused: StorageRefusal) -> None:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
        )
        content = text.encode()
        headers = {"Content-Type": "application/xml", "Content-Length": str(len(content))}
        headers |= refused.headers
        self._start(refused.status, headers)
        if self.command != "HEAD":
            self.connection.sendall(content)

    def _send(self, found: Found, faults: dict[str, Pending]) -> None:
        if "slow_start" in faults:
            self.server.stopping.wait(faults["slow_start"].number("delay"))
        body = found.body.altered() if faults.keys() & {"changed", "wrong_bytes"} else found.body
        etag = body.etag if "wrong_bytes" not in faults else found.body.etag
        if "changed" in faults:
            etag = f'"changed-{etag.strip(chr(34))}"'
        if "node_etags" in faults:
            etag = f'"{secrets.token_hex(8)}"'
        modified = CHANGED if "changed" in faults else MODIFIED
        whole = "ignore_range" in faults or ("ignore_conditions" in faults and "If-Range" in self.headers)
        span = None if whole else self._range(body.size, (etag, modified))
        start, stop = span or (0, body.size)
        headers = _headers(found, start, stop) | {"ETag": etag, "Last-Modified": modified}
        if span:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{body.size}"
        storage_faults.bend(headers, faults)
        self._start(206 if span else 200, headers)
        if self.command != "HEAD":
            self._send_body(body, start, stop, faults)

    def _range(self, size: int, validators: tuple[str, str]) -> tuple[int, int] | None:
        """The wanted range as start and stop, None for everything; raises StorageRefusal for one beyond the end."""
        wanted = RANGE.match(self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if wanted is None or wanted.group() == "bytes=-" or (condition or validators[0]) not in validators:
            return None
        first, last = wanted.groups()
        if not first:
            start, stop = max(0, size - int(last)), size
        else:
            start, stop = int(first), min(size, int(last) + 1 if last else size)
        if start >= size or start >= stop:
            raise StorageRefusal(416, "InvalidRange", NO_SUCH_RANGE, {"Content-Range": f"bytes */{size}"})
        return start, stop

    def _send_body(self, body: Body, start: int, stop: int, faults: dict[str, Pending]) -> None:
        if "cut" in faults:
            stop, self.close_connection = min(stop, start + int(faults["cut"].number("at"))), True
        stall = faults.get("stall")
        pause_at = start + int(stall.number("at")) if stall else stop
        self._pour(body, start, min(stop, pause_at), faults)
        if stall and pause_at < stop:
            self.server.stopping.wait(stall.number("seconds"))
            self._pour(body, pause_at, stop, faults)
        if "no_content_length" in faults:
            self.connection.sendall(b"0\r\n\r\n")
        if "wrong_length" in faults:
            self.close_connection = True

    def _pour(self, body: Body, start: int, stop: int, faults: dict[str, Pending]) -> None:
        rate = faults["throttle"].number("rate") if "throttle" in faults else 0.0
        chunked = "no_content_length" in faults
        portion = max(1, int(rate * TICK)) if rate else (CHUNK if chunked else 0)
        for view in body.views(start, stop):
            for piece in _pieces(view, portion):
                self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)) if chunked else piece)
                self.record.sent += len(piece)
                if rate and self.server.stopping.wait(len(piece) / rate):
                    return


def _headers(found: Found, start: int, stop: int) -> dict[str, str]:
    headers = {
        "Content-Type": found.content_type,
        "Content-Length": str(stop - start),
        "Accept-Ranges": "bytes",
    }
    if found.disposition:
        headers["Content-Disposition"] = found.disposition.encode("utf-8").decode("latin-1")
    return headers


def _pieces(view: memoryview, size: int) -> Iterator[memoryview]:
    if not size:
        yield view
        return
    for start in range(0, len(view), size):
        yield view[start : start + size]


def _quietly_shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def reset_when_closed(connection: socket.socket) -> None:
    """Let the coming close be seen by the other side as a reset."""
    at_once = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
