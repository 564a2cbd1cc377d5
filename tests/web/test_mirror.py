"""`serve --files` as a mirror: what is here comes from it, proved, by id and by hash, and no key is ever sent there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import torf
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from civitai_kit import AsyncClient, Client, NotFound
from civitai_kit.cli.main import main
from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.settings.layers import Layer
from civitai_kit.kit.ground import Ground
from civitai_kit.kit.settings import load_settings
from civitai_kit.testing import Known, Sandbox
from tests.library_world import write_known
from tests.web.conftest import served

KEY = "key-of-mine-0123"


@dataclass
class Box:
    """A mirror on a real socket, over a save path; `heard` are the requests that came, `cut_after` ends a body once."""

    save_path: Path
    url: str = ""
    heard: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    cut_after: int | None = None

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(self.url + path, headers=headers, timeout=20)

    def paths(self) -> list[str]:
        return [path for path, _ in self.heard]

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, listened to."""

        async def listened(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
                self.heard.append((scope["path"], headers))
            await app(scope, receive, self._cutting(send) if "/download/" in str(scope.get("path")) else send)

        return listened

    def _cutting(self, send: Send) -> Send:
        async def cutting(message: Message) -> None:
            left = self.cut_after
            if left is not None and message["type"] == "http.response.body":
                self.cut_after = None
                await send({**message, "body": message["body"][:left], "more_body": True})
                raise asyncio.CancelledError
            await send(message)

        return cutting


Fill = Callable[..., Box]


@pytest.fixture
def command(civitai_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run one command line in this process, against the sandbox or where it says, with a key."""
    for name in [name for name in os.environ if name.startswith(("CIVITAI", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    monkeypatch.setenv("CIVITAI_KIT_API_DELAY_MS", "0")
    monkeypatch.setenv("CIVITAI_KIT_RETRY_DELAY_MS", "1")
    monkeypatch.chdir(tmp_path)

    def run(*words: str, at: str | None = None, save_path: Path | None = None) -> int:
        monkeypatch.setenv("CIVITAI_API_KEY", KEY if at else civitai_sandbox.api_key)
        where = ("--api-url", at or civitai_sandbox.url, "--save-path", str(save_path or tmp_path / "downloads"))
        return main([*words, *where])

    return run


@pytest.fixture
def fill(command: Callable[..., int], tmp_path: Path) -> Iterator[Fill]:
    """Download some models to a box and serve it; with nothing named an empty one."""
    with ExitStack() as stack:

        def start(*references: object, **how: Any) -> Box:
            box = Box(tmp_path / "downloads")
            if references:
                assert command("download", *map(str, references), "--yes", "--all-versions") == 0
            server = stack.enter_context(served(tmp_path, around=box.around, **{"with_files": True, **how}))
            box.url = server.url
            return box

        yield start


def _unheard(event: object) -> None:
    """What is logged is not looked at here."""


def models_in(folder: Path) -> dict[str, str]:
    """The model files under a save path: name → SHA256."""
    found = folder.rglob("*.safetensors")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def newest(model: int) -> int:
    return model * 100 + 1


PLAIN = newest(Known.PLAIN_LORA)


@pytest.mark.parametrize(
    "words",
    [
        ("--model-version-id", str(PLAIN)),
        (f"https://civitai.com/models/{Known.PLAIN_LORA}?modelVersionId={PLAIN}",),
        (f"urn:air:pony:lora:civitai:{Known.PLAIN_LORA}@{PLAIN}",),
        (str(int(Known.PLAIN_LORA)),),
    ],
)
def test_a_version_comes_proved_and_the_key_stays_here(
    fill: Fill, command: Callable[..., int], tmp_path: Path, words: tuple[str, ...]
) -> None:
    box, mine = fill(PLAIN_PAGE), tmp_path / "mine"
    assert command("download", *words, "--yes", at=box.url, save_path=mine) == 0
    (name,) = models_in(mine)
    assert models_in(mine)[name] == models_in(box.save_path)[name]
    assert box.paths()[0] == "/healthz"
    assert f"/api/download/models/{PLAIN}" in box.paths()
    assert not [path for path, headers in box.heard if "authorization" in headers or KEY in str(headers)]


PLAIN_PAGE = f"https://civitai.com/models/{Known.PLAIN_LORA}"


def test_what_was_cut_goes_on_from_there(fill: Fill, command: Callable[..., int], tmp_path: Path) -> None:
    box, mine = fill(PLAIN_PAGE), tmp_path / "mine"
    size = (next(box.save_path.rglob(f"{PLAIN}_*.safetensors"))).stat().st_size
    box.cut_after = size // 2
    assert command("download", "--model-version-id", str(PLAIN), "--yes", at=box.url, save_path=mine) == 0
    ranges = [headers.get("range", "") for path, headers in box.heard if "/download/" in path]
    assert len(ranges) == 2 and ranges[1].startswith(f"bytes={size // 2}-")
    assert models_in(mine).items() <= models_in(box.save_path).items()


def test_a_file_that_was_changed_on_the_box_is_refused_by_its_hash(
    fill: Fill, command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, mine = fill(PLAIN_PAGE), tmp_path / "mine"
    place = next(box.save_path.rglob(f"{PLAIN}_*.safetensors"))
    place.write_bytes(place.read_bytes()[:-1] + b"!")
    capsys.readouterr()
    code = command("download", "--model-version-id", str(PLAIN), "--yes", "--json", at=box.url, save_path=mine)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, said["errors"][0]["code"]) == (8, "hash_mismatch")
    assert not models_in(mine)


def test_what_the_box_has_not_is_not_found_in_the_sites_form(
    fill: Fill, command: Callable[..., int], tmp_path: Path
) -> None:
    box = fill(PLAIN_PAGE)
    gone = next(box.save_path.rglob(f"{PLAIN}_*.safetensors"))
    gone.unlink()
    for version in ("999999", str(PLAIN)):
        words = ("download", "--model-version-id", version, "--yes")
        assert command(*words, at=box.url, save_path=tmp_path / "mine") == 4
    for path in (
        *(f"/api/v1/model-versions/{number}" for number in (PLAIN, 0, 2**31, "x", "%2e%2e")),
        *("/api/v1/models/999999", f"/api/v1/model-versions/by-hash/{'a' * 64}", "/api/v1/model-versions/by-hash/xyz"),
        *(f"/api/download/models/{number}" for number in (PLAIN, 999999, f"{PLAIN + 1}?fileId=7", f"{PLAIN + 1}?fp=x")),
    ):
        answer = box.get(path)
        assert (answer.status_code, set(answer.json())) == (404, {"error"}), path
    assert [one["id"] for one in box.get(f"/api/v1/models/{Known.PLAIN_LORA}").json()["modelVersions"]] == [
        PLAIN + 1,
        PLAIN + 2,
    ]


def test_a_file_is_found_by_its_hash(fill: Fill) -> None:
    box = fill(PLAIN_PAGE)
    name, sha256 = next((name, digest) for name, digest in models_in(box.save_path).items() if str(PLAIN) in name)
    with Client(KEY, base_url=box.url) as client:
        for digest in (sha256, sha256.upper(), sha256[:10]):
            assert client.version_by_hash(digest).id == PLAIN, name
        found = client.versions_by_hash([sha256, "a" * 64])
        assert [one.id for one in found] == [PLAIN]
        assert [(one.model_version_id, one.hash) for one in client.version_ids_by_hash([sha256])] == [(PLAIN, sha256)]
        with pytest.raises(NotFound):
            client.version_by_hash("b" * 64)
    for body in (b"", b"{}", b'["x"]', b"[" * 5000, json.dumps(["a" * 64] * 101).encode()):
        answer = httpx2.post(f"{box.url}/api/v1/model-versions/by-hash", content=body)
        assert (answer.status_code, set(answer.json())) == (400, {"error"})


def test_who_asks_through_a_proxy_with_tls_is_told_addresses_of_it(fill: Fill) -> None:
    said = {"Host": "localhost:8443", "X-Forwarded-Proto": "https"}
    version = fill(PLAIN_PAGE).get(f"/api/v1/model-versions/{PLAIN}", **said).json()
    addresses = [version["downloadUrl"], *(file["downloadUrl"] for file in version["files"])]
    assert all(address.startswith("https://localhost:8443/api/download/") for address in addresses)


def test_both_clients_fetch_a_file_from_a_mirror(fill: Fill, tmp_path: Path) -> None:
    box = fill(PLAIN_PAGE)
    with Client(KEY, base_url=box.url) as client:
        first = client.download(PLAIN, tmp_path / "one.bin")

    async def fetch() -> str:
        async with AsyncClient(KEY, base_url=box.url) as client:
            return (await client.download(PLAIN, tmp_path / "two.bin")).digests["SHA256"]

    assert asyncio.run(fetch()) == first.digests["SHA256"] in models_in(box.save_path).values()
    assert not any("authorization" in headers for _, headers in box.heard)


def test_a_library_elsewhere_is_identified_by_what_a_mirror_has(
    fill: Fill, command: Callable[..., int], civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    (file,) = write_known(civitai_sandbox.world, tmp_path / "models", 1)
    assert command("library", "scan", str(file.parent)) == 0
    box, mine = fill(), tmp_path / "mine"
    assert command("library", "scan", str(file.parent), at=box.url, save_path=mine) == 0
    assert list(mine.rglob("civitai_version_*.json")) or list((mine / "library").rglob("*.json"))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    found = box.get(f"/api/v1/model-versions/by-hash/{sha256}").json()
    # The file lies outside the box's save path, and the store says so.
    assert not list(box.save_path.rglob("model_*.safetensors"))
    assert box.get(f"/api/download/models/{found['id']}").content == file.read_bytes()


def test_a_mirror_sees_what_comes_while_it_serves(fill: Fill, civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    box = fill()
    assert box.get(f"/api/v1/model-versions/{PLAIN}").status_code == 404
    words = ["download", "--model-version-id", str(PLAIN), "--yes", "--api-url", civitai_sandbox.url]
    done = subprocess.run(
        [sys.executable, "-m", "civitai_kit", *words, "--save-path", str(box.save_path)],
        env={**os.environ, "CIVITAI_API_KEY": civitai_sandbox.api_key},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert box.get(f"/api/v1/model-versions/{PLAIN}").json()["id"] == PLAIN


def test_nothing_is_given_that_the_store_has_not_as_downloaded(fill: Fill, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "passwd").write_text("root")
    for name in ("a.safetensors", "b.safetensors.part", "c.safetensors"):
        (tmp_path / "downloads" / name).write_text("root")
    places = {
        1: str(tmp_path / "passwd"),
        2: "b.safetensors.part",
        3: "../passwd",
        4: "civitai_download_db/data.mdb",
        5: "c.safetensors",
    }
    with Ground(_settings(tmp_path / "downloads"), "test").store(_unheard, read_only=False) as store:
        for number, path in places.items():
            record = FileRecord(file_id=number, path=path, size=4, status=Status.DOWNLOADED, kept_mismatch=number == 5)
            store.put(Entry(version_id=number, model_id=9, files=(record,)))
        size = (tmp_path / "downloads" / "civitai_download_db" / "data.mdb").stat().st_size
        record = FileRecord(file_id=4, path=places[4], size=size, status=Status.DOWNLOADED)
        store.put(Entry(version_id=4, model_id=9, files=(record,)))
        pending = FileRecord(file_id=6, path="a.safetensors", size=4)
        store.put(Entry(version_id=6, model_id=9, files=(pending,)))
    box = fill()
    for number in (*places, 6):
        assert box.get(f"/api/download/models/{number}").status_code == 404
    assert box.get("/api/v1/models/9").status_code == 404


def _settings(root: Path) -> Any:
    layer = Layer("flags", {"save_path": str(root)})
    return load_settings(layer, config=None, env={}, cwd=root, user=root / "none.toml").settings


def test_a_version_of_which_nothing_but_its_file_is_remembered_is_shown(fill: Fill, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "old.safetensors").write_bytes(b"bytes")
    sha256 = hashlib.sha256(b"bytes").hexdigest()
    record = FileRecord(file_id=3, path="old.safetensors", size=5, status=Status.DOWNLOADED, proved={"sha256": sha256})
    with Ground(_settings(tmp_path / "downloads"), "test").store(_unheard, read_only=False) as store:
        store.put(Entry(version_id=2, model_id=1, model_name="Old", type="LORA", files=(record,)))
    box = fill()
    with Client(base_url=box.url) as client:
        model = client.model(1)
        assert (model.name, model.type, model.versions[0].files[0].hashes.sha256) == ("Old", "LORA", sha256)
        assert client.download(2, tmp_path / "new.bin").digests["SHA256"] == sha256


def test_a_torrents_web_seed_finds_its_bytes(fill: Fill, command: Callable[..., int], tmp_path: Path) -> None:
    box = fill(PLAIN_PAGE)
    seed = ("--web-seed", f"{box.url}/files", "--announce", "http://tracker.example/announce")
    assert command("torrent", *seed, "--output-dir", str(tmp_path / "torrents")) == 0
    torrents = [torf.Torrent.read(path) for path in (tmp_path / "torrents").glob("*.torrent")]
    assert len(torrents) == 3
    for torrent in torrents:
        (root,) = torrent.webseeds
        part = httpx2.get(str(root) + quote(str(torrent.name)), headers={"Range": "bytes=5-24"})
        whole = next(box.save_path.rglob(str(torrent.name))).read_bytes()
        assert (part.status_code, part.content) == (206, whole[5:25])


def test_the_description_has_what_a_mirror_answers_and_only_then(fill: Fill, tmp_path: Path) -> None:
    path = "/api/download/models/{id}"
    assert path in fill().get("/openapi.json").json()["paths"]
    with served(tmp_path / "other") as server:
        assert path not in server.ask("GET", "/openapi.json").json()["paths"]


def test_without_the_files_there_is_no_mirror_and_still_no_key(fill: Fill) -> None:
    box = fill(PLAIN_PAGE, with_files=False)
    assert box.get("/healthz").json() == {"status": "ok", "service": "civitai-kit"}
    for path in (f"/api/v1/model-versions/{PLAIN}", f"/api/download/models/{PLAIN}", "/api/v1/me"):
        assert box.get(path).status_code == 404
    with Client(KEY, base_url=box.url) as client, pytest.raises(NotFound):
        client.version(PLAIN)
    assert not any("authorization" in headers for _, headers in box.heard)
