"""A site and its storage on raw sockets, which send whatever a case wants: what no well-meaning server would."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from torture.content import Body, file_row, model_row, picture_row, png, version_row

_LONGEST_HEAD = 1_000_000
# Small, so that little is on its way when the other side is killed.
_SEND_BUFFER = 64 * 1024
_PIECE = 32 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, on which connection; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: socket.socket

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the query."""
        return parse_qs(urlsplit(self.target).query)

    def send(self, content: bytes) -> None:
        """Send these bytes as they are."""
        self.connection.sendall(content)


# Says whether it has answered; the connection is closed when it gives None.
Hook = Callable[[Request], bool | None]


def answer(status: int, content: bytes = b"", headers: Mapping[str, str] | None = None, reason: str = "X") -> bytes:
    """A whole, well-formed answer."""
    lines = {"Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode("latin-1") + content


def json_answer(content: Any, status: int = 200) -> bytes:
    """An answer of the API."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return answer(status, text, {"Content-Type": "application/json"})


class _Listener:
    """Accepts on a loopback address of its own, a thread for each connection."""

    def __init__(self, host: str, serve: Callable[[Request], bool | None], send_buffer: int | None = None) -> None:
        self._serve = serve
        self._open: set[socket.socket] = set()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if send_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._socket.bind((host, 0))
        self._socket.listen(128)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for connection in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(OSError):
            while (request := _read(connection)) and self._serve(request) is not None:
                pass
        self._open.discard(connection)


def _read(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece or len(received) > _LONGEST_HEAD:
            return None
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(rest) < int(headers.get("content-length", 0)):
        rest += connection.recv(65536)
    return Request(method, target, headers, rest, connection)


@dataclass(slots=True)
class Site:
    """Models, files and pictures on two loopback addresses; `on_site` and `on_storage` may answer first.

    `rate` is in bytes a second for each connection, `sent` counts the bytes of bodies that the storage has sent.
    """

    models: dict[int, Any] = field(default_factory=dict)
    bodies: dict[int, Body] = field(default_factory=dict)
    images: list[Any] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    on_site: Hook = lambda _: False
    on_storage: Hook = lambda _: False
    rate: int | None = None
    sent: int = 0
    asked: list[tuple[str, Request]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _site: Any = None
    _storage: Any = None

    def __enter__(self) -> Self:
        self._site = _Listener("127.0.0.1", self._answer_site)
        self._storage = _Listener("127.0.0.2", self._answer_storage, _SEND_BUFFER)
        return self

    def __exit__(self, *_: object) -> None:
        self._site.close()
        self._storage.close()

    @property
    def url(self) -> str:
        """The site's root."""
        return str(self._site.url)

    @property
    def storage_url(self) -> str:
        """The storage's root."""
        return str(self._storage.url)

    def add(self, model_id: int, name: str = "", size: int = 30_000, **over: Any) -> dict[str, Any]:
        """A model with one version of one file; `over` may hold the rows' own keys as `file`, `version`, `model`."""
        file_id, version_id = model_id * 100 + 1, model_id * 10 + 1
        body = self.bodies[file_id] = Body(size, file_id)
        row = {**file_row(file_id, name or f"file{model_id}.safetensors", body), **over.get("file", {})}
        version = {**version_row(version_id, model_id, [row]), **over.get("version", {})}
        self.models[model_id] = {**model_row(model_id, [version]), **over.get("model", {})}
        return dict(self.models[model_id])

    def add_picture(self, image_id: int, size: int = 0, **over: Any) -> None:
        """A picture of the creator `maker`."""
        path = f"/xG1/{image_id:08x}-0000-4000-8000-000000000000/original=true/{image_id}.jpeg"
        self.pictures[path.split("/")[2]] = png(f"picture {image_id}", size)
        self.images.append(picture_row(image_id, self.storage_url + path, **over))

    @property
    def promised(self) -> set[str]:
        """The SHA-256 of every file there is."""
        return {body.sha256 for body in self.bodies.values()}

    def asked_storage(self) -> list[Request]:
        """The requests to the storage so far."""
        return [request for host, request in self.asked if host == "storage"]

    # -- the site ---------------------------------------------------------------------------------------------

    def _answer_site(self, request: Request) -> bool | None:
        self.asked.append(("site", request))
        done = self.on_site(request)
        if done is not False:
            return done
        request.send(self._site_reply(request))
        return True

    def _site_reply(self, request: Request) -> bytes:
        kind, number = _resource(request.path)
        match kind:
            case "models" if number is None:
                return json_answer({"items": self._listed(request), "metadata": {}})
            case "models":
                return self._found(self.models.get(number or 0))
            case "model-versions" if number is not None:
                return self._found(self._versions().get(number))
            case "by-hash":
                return json_answer([])
            case "images":
                return json_answer({"items": self.images, "metadata": {}})
            case "tags":
                return json_answer({"items": [{"name": "style"}], "metadata": {"totalPages": 1}})
            case "me":
                return json_answer({"id": 1, "username": "me"})
            case "download" if number in self._versions():
                return self._redirect(request, number or 0)
        return json_answer({"error": "Not found"}, 404)

    def _listed(self, request: Request) -> list[Any]:
        wanted = {int(number) for text in request.query.get("ids", []) for number in re.findall(r"\d+", text)}
        return [model for number, model in self.models.items() if not wanted or number in wanted]

    def _versions(self) -> dict[int, Any]:
        found = {}
        for model in self.models.values():
            about = {name: model.get(name) for name in ("name", "type", "nsfw", "poi", "mode")}
            for version in model.get("modelVersions") or ():
                found[version["id"]] = {**version, "model": about}
        return found

    @staticmethod
    def _found(row: Any) -> bytes:
        return json_answer({"error": "Not found"}, 404) if row is None else json_answer(row)

    def _redirect(self, request: Request, version_id: int) -> bytes:
        files = self._versions()[version_id]["files"]
        chosen = request.query.get("fileId", [str(files[0]["id"])])[0]
        return answer(307, headers={"Location": f"{self.storage_url}/f/{chosen}?sig=1"})

    # -- the storage ------------------------------------------------------------------------------------------

    def _answer_storage(self, request: Request) -> bool | None:
        self.asked.append(("storage", request))
        done = self.on_storage(request)
        return self.serve(request) if done is False else done

    def serve(self, request: Request) -> bool | None:
        """The right answer of the storage, ranges and all."""
        if request.path.startswith("/xG1/"):
            return self._serve_picture(request)
        file_id = int(request.path.rpartition("/")[2])
        body, tag = self.bodies[file_id], f'"e{file_id}"'
        wanted = span(request, body.size, tag)
        start, stop = wanted or (0, body.size)
        if start >= body.size:
            request.send(answer(416, headers={"Content-Range": f"bytes */{body.size}"}))
            return True
        headers = {"Content-Length": str(stop - start), "ETag": tag, "Accept-Ranges": "bytes"}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{body.size}"
        request.send(answer(206 if wanted else 200, headers=headers))
        self.pour(request, body.pieces(start, stop, _PIECE))
        return True

    def pour(self, request: Request, pieces: Iterator[bytes]) -> None:
        """Send pieces at the rate of the site, and count them."""
        for piece in pieces:
            request.send(piece)
            with self._lock:
                self.sent += len(piece)
            if self.rate:
                time.sleep(len(piece) / self.rate)

    def _serve_picture(self, request: Request) -> bool:
        content = self.pictures[request.path.split("/")[2]]
        request.send(answer(200, headers={"Content-Length": str(len(content)), "Content-Type": "image/jpeg"}))
        self.pour(request, (content[at : at + _PIECE] for at in range(0, len(content), _PIECE)))
        return True


def span(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """The range that was asked for; None for everything."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if found is None or request.headers.get("if-range", tag) != tag:
        return None
    return int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)


def _resource(path: str) -> tuple[str, int | None]:
    """What an address of the site means: the endpoint, and the id behind it."""
    if found := re.fullmatch(r"/api/download/models/(\d+)", path):
        return "download", int(found[1])
    if re.fullmatch(r"/api/v1/model-versions/by-hash(/ids)?", path):
        return "by-hash", None
    if found := re.fullmatch(r"/api/v1/([a-z-]+)(?:/(\d+))?", path):
        return found[1], int(found[2]) if found[2] else None
    return "", None
