"""Real clients and our torrents: libtorrent and aria2 load them and exchange the files over loopback."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from civitai_kit.core.torrents.metainfo import checked_terms
from tests.services.torrent_shelf import Shelf

PATIENCE_SEC = 30
SINGLE = {"lora/x/11_ä 模型.safetensors": 3 * 2**20 + 17}
SEVERAL = {"sd/m/9-a/v/11_a.safetensors": 2 * 2**20 + 1, "sd/m/9-b/v/11_b.vae.pt": 2**18 + 3}


class Tracker(ThreadingHTTPServer):
    """Tells every peer of an info-hash of all the others, over HTTP (BEP 3, compact answers of BEP 23)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Announce)
        self.peers: dict[bytes, dict[int, bytes]] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/announce"


class _Announce(BaseHTTPRequestHandler):
    server: Tracker

    def do_GET(self) -> None:
        asked = {
            name: value for name, _, value in (part.partition("=") for part in urlsplit(self.path).query.split("&"))
        }
        info_hash, port = unquote_to_bytes(asked["info_hash"]), int(asked["port"])
        with self.server.lock:
            known = self.server.peers.setdefault(info_hash, {})
            known[port] = socket.inet_aton("127.0.0.1") + port.to_bytes(2, "big")
            others = b"".join(peer for number, peer in known.items() if number != port)
        answer = b"d8:intervali1e12:min intervali1e5:peers%d:%se" % (len(others), others)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    with Tracker() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def libtorrent() -> Any:
    return pytest.importorskip("libtorrent", reason="libtorrent (pip install libtorrent) is not installed")


@pytest.fixture
def aria2c() -> str:
    found = shutil.which("aria2c")
    if found is None:
        pytest.skip("aria2c (apt-get install aria2) is not installed")
    return found


def made(tmp_path: Path, tracker: Tracker, sizes: dict[str, int]) -> tuple[Shelf, Path, str]:
    """A shelf with the files, the path of our torrent, and the folder a client is to seed from."""
    shelf = Shelf(tmp_path / "save")
    shelf.add(11, {path: os.urandom(size) for path, size in sizes.items()})
    (row,) = shelf.make(terms=checked_terms([tracker.url], piece_size=2**16)).rows
    folder = "lora/x" if len(sizes) == 1 else "torrents"
    return shelf, shelf.root / row.path, folder


@contextmanager
def libtorrent_peer(lt: Any, torrent: Path, folder: Path) -> Iterator[Any]:
    """A libtorrent client with one torrent in a folder."""
    settings = {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
        "out_enc_policy": int(lt.enc_policy.enabled),
        "min_reconnect_time": 1,
        "peer_connect_timeout": 5,
    }
    session = lt.session(settings)
    parameters = lt.add_torrent_params()
    parameters.ti = lt.torrent_info(str(torrent))
    parameters.save_path = str(folder)
    handle = session.add_torrent(parameters)
    try:
        yield handle
    finally:
        session.remove_torrent(handle)
        del session


@contextmanager
def aria2_peer(aria2c: str, torrent: Path, folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """An aria2 client with one torrent in a folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        aria2c,
        f"--dir={folder}",
        f"--listen-port={port}",
        "--interface=127.0.0.1",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
        "--bt-tracker-interval=1",
        "--seed-time=1",
        "--file-allocation=none",
        "--no-conf",
        "--quiet=true",
        *options,
        str(torrent),
    ]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        # It takes leave of the tracker for seconds when it is asked to end.
        process.kill()
        process.wait(10)


def wait_until(condition: Any, what: str) -> None:
    until = time.monotonic() + PATIENCE_SEC
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def is_there(shelf: Shelf, folder: str, target: Path) -> bool:
    """Whether every file under the folder we seed from has come whole."""
    found = [Path(here, name) for here, _, names in os.walk(shelf.root / folder, followlinks=True) for name in names]
    pairs = [(path, target / path.relative_to(shelf.root / folder)) for path in found]
    wanted = [(ours, theirs) for ours, theirs in pairs if ours.suffix in (".safetensors", ".pt")]
    return bool(wanted) and all(
        theirs.is_file() and theirs.stat().st_size == ours.stat().st_size and theirs.read_bytes() == ours.read_bytes()
        for ours, theirs in wanted
    )


class _Folder(SimpleHTTPRequestHandler):
    """A plain server of files, told of ranges as a web seed must be (BEP 19)."""

    def send_head(self) -> Any:
        place = Path(self.translate_path(self.path))
        if not place.is_file():
            self.send_error(404)
            return None
        size = place.stat().st_size
        asked = self.headers.get("Range", f"bytes=0-{size - 1}").removeprefix("bytes=")
        first, last = (int(number) for number in asked.split("-"))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with place.open("rb") as file:
            file.seek(first)
            return io.BytesIO(file.read(last - first + 1))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL at which a plain HTTP server offers the save path."""
    (tmp_path / "save").mkdir()
    handler = partial(_Folder, directory=str(tmp_path / "save"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [SINGLE, SEVERAL], ids=["one file", "several"])
def test_libtorrent_gets_the_bytes_from_the_web_seed_alone(
    tmp_path: Path, libtorrent: Any, served: str, sizes: dict[str, int]
) -> None:
    shelf = Shelf(tmp_path / "save")
    shelf.add(11, {path: os.urandom(size) for path, size in sizes.items()})
    nobody = "http://127.0.0.1:9/announce"
    (row,) = shelf.make(terms=checked_terms([nobody], [served], piece_size=2**16)).rows
    folder = "lora/x" if len(sizes) == 1 else "torrents"
    target = tmp_path / "got"
    target.mkdir()
    torrent = shelf.root / row.path
    with (
        libtorrent_peer(libtorrent, torrent, shelf.root / folder) as seed,
        libtorrent_peer(libtorrent, torrent, target) as leech,
    ):
        wait_until(lambda: seed.status().is_seeding, "libtorrent does not find the files where they lie")
        wait_until(lambda: leech.status().is_seeding, "libtorrent did not get the bytes")
        wait_until(lambda: is_there(shelf, folder, target), "libtorrent did not write the bytes")


@pytest.mark.slow
def test_libtorrent_seeds_in_place_and_aria2_gets_the_bytes(
    tmp_path: Path, tracker: Tracker, libtorrent: Any, aria2c: str
) -> None:
    shelf, torrent, folder = made(tmp_path, tracker, SINGLE)
    target = tmp_path / "got"
    with libtorrent_peer(libtorrent, torrent, shelf.root / folder) as seed:
        wait_until(lambda: seed.status().is_seeding, "libtorrent does not find the files where they lie")
        with aria2_peer(aria2c, torrent, target):
            wait_until(lambda: is_there(shelf, folder, target), "aria2 did not get the bytes")
    assert is_there(shelf, folder, target)


@pytest.mark.slow
def test_aria2_seeds_in_place_and_libtorrent_gets_the_bytes(
    tmp_path: Path, tracker: Tracker, libtorrent: Any, aria2c: str
) -> None:
    shelf, torrent, folder = made(tmp_path, tracker, SEVERAL)
    target = tmp_path / "got"
    target.mkdir()
    with (
        aria2_peer(aria2c, torrent, shelf.root / folder, "--check-integrity=true"),
        libtorrent_peer(libtorrent, torrent, target) as leech,
    ):
        wait_until(lambda: leech.status().is_seeding, "libtorrent did not get the bytes")
        wait_until(lambda: is_there(shelf, folder, target), "libtorrent did not write the bytes")
    assert is_there(shelf, folder, target)


def test_libtorrent_reads_the_info_hash_that_we_report(tmp_path: Path, tracker: Tracker, libtorrent: Any) -> None:
    shelf, torrent, _ = made(tmp_path, tracker, SEVERAL)
    (row,) = shelf.make().rows
    info = libtorrent.torrent_info(str(torrent))
    assert str(info.info_hashes().v1) == row.info_hash
    magnet = libtorrent.parse_magnet_uri(row.magnet)
    assert str(magnet.info_hashes.v1) == row.info_hash
    assert magnet.trackers == [tracker.url]


def test_aria2_lists_what_we_put_in(tmp_path: Path, tracker: Tracker, aria2c: str) -> None:
    _, torrent, _ = made(tmp_path, tracker, SEVERAL)
    shown = subprocess.run([aria2c, "--no-conf", "-S", str(torrent)], capture_output=True, text=True, check=True).stdout
    assert "Model 1 - v11 (11)/9-a/v/11_a.safetensors" in shown
    assert tracker.url in shown
