"""`serve` over real sockets: the four endpoints as they are documented, and nothing that it should not give."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from civitai_kit.sandbox.worlds.records import WorldVersion
from civitai_kit.testing import Sandbox
from tests.web.conftest import TOKEN, Serve, Start, environment

MAP = "/api/admin/models/civitai-map"


def a_version(sandbox: Sandbox, name: str = "Some LoRA", **fields: Any) -> WorldVersion:
    model = sandbox.world.add_model(name, type=fields.pop("type", "LORA"))
    version = sandbox.world.add_version(model, "v2", **fields)
    sandbox.world.add_file(version, f"{name}.safetensors")
    return version


def test_the_four_endpoints_answer_as_they_are_documented(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version = a_version(civitai_sandbox, base_model="Pony")
    add, promote = f"/api/admin/civitai/add/{version.id}", f"/api/admin/civitai/promote-to-lora/{version.id}"
    assert server.ask("GET", MAP).json() == {"by_version": {}, "by_model": {}}
    added = server.ask("POST", add)
    assert (added.status_code, added.json()["status"], added.json()["dest"]) == (200, "added", "loras")
    assert server.ask("POST", add).json()["status"] == "already_exists"
    found = server.ask("GET", MAP).json()
    assert found["by_version"][str(version.id)]["status"] == "missing"
    assert found["by_model"] == {str(version.model_id): [version.id]}
    assert server.ask("POST", promote).json() == {
        "status": "promoted",
        "file": "Some LoRA.safetensors",
        "category": "sdxl_loras",
    }
    place = server.folder / "loras" / "Some LoRA.safetensors"
    place.parent.mkdir()
    place.write_bytes(b"x")
    row = server.ask("GET", MAP).json()["by_version"][str(version.id)]
    assert (row["status"], row["size_disk"], row["catalog"]) == ("present", 1, "loras")
    remove = "/api/admin/models/Some LoRA.safetensors/catalog"
    assert server.ask("DELETE", remove).status_code == 409
    place.unlink()
    assert server.ask("DELETE", remove).json() == {"status": "removed", "file": "Some LoRA.safetensors"}
    assert server.ask("DELETE", remove).status_code == 404


def test_refusals_have_their_statuses_and_a_detail(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    restricted = a_version(civitai_sandbox, usage_control="Generation")
    said = server.ask("POST", f"/api/admin/civitai/add/{restricted.id}")
    assert (said.status_code, said.json()["status"]) == (200, "restricted")
    checkpoint = a_version(civitai_sandbox, name="Base", type="Checkpoint")
    server.ask("POST", f"/api/admin/civitai/add/{checkpoint.id}")
    for method, path, status in (
        ("POST", "/api/admin/civitai/add/999999999", 404),
        ("POST", "/api/admin/civitai/add/0", 400),
        ("POST", "/api/admin/civitai/promote-to-lora/5", 404),
        ("POST", f"/api/admin/civitai/promote-to-lora/{checkpoint.id}", 400),
        ("GET", "/api/admin/civitai/add/5", 405),
        ("GET", "/nothing", 404),
    ):
        answer = server.ask(method, path)
        assert (answer.status_code, set(answer.json())) == (status, {"detail"}), path
    civitai_sandbox.faults.add("server_error", times=None)
    assert server.ask("POST", "/api/admin/civitai/add/4711").status_code in (500, 502, 503)


def test_without_the_token_nothing_is_given_or_changed(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version = a_version(civitai_sandbox)
    path = f"/api/admin/civitai/add/{version.id}"
    for token in (None, "wrong", "x", TOKEN + "x", "é"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
        answer = server.ask("POST", path, token=None, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert server.ask("POST", f"{path}?token={TOKEN}", token=None).status_code == 401
    assert server.ask("GET", "/healthz", token=None).json() == {"status": "ok", "service": "civitai-kit"}
    assert not (server.folder / "catalog" / "models.json").exists()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_strangers_name_for_this_server_is_refused(serve: Serve, host: str) -> None:
    assert serve().ask("GET", MAP, headers={"Host": host}).status_code in (400, 421)


def test_only_named_origins_may_ask_from_a_browser(serve: Serve) -> None:
    origin = "chrome-extension://abcdefgh"
    server = serve(origins=(origin,))
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    good = server.ask("OPTIONS", MAP, token=None, headers={"Origin": origin, **asks})
    assert (good.status_code, good.headers["access-control-allow-origin"]) == (200, origin)
    bad = server.ask("OPTIONS", MAP, token=None, headers={"Origin": "https://evil.example", **asks})
    assert bad.status_code == 400 and "access-control-allow-origin" not in bad.headers
    assert server.ask("GET", MAP, headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in server.ask("GET", MAP, headers={"Origin": "null"}).headers
    from_the_web = {"Origin": origin, "Access-Control-Request-Private-Network": "true", **asks}
    assert server.ask("OPTIONS", MAP, token=None, headers=from_the_web).status_code == 200


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, {"token": None}),
        (404, {"path": "/api/nothing"}),
        (413, {"method": "POST", "content": b"x" * 70_000}),
        (421, {"headers": {"Host": "evil.example"}}),
    ],
)
def test_a_page_of_a_named_origin_can_read_refusals_too_and_no_other_page(
    serve: Serve, status: int, words: dict[str, Any]
) -> None:
    server = serve(origins=("https://mine.example",))
    asked = {"method": "GET", "path": MAP, **words}
    for origin, allowed in (("https://mine.example", "https://mine.example"), ("https://evil.example", None)):
        answer = server.ask(**{**asked, "headers": {**asked.get("headers", {}), "Origin": origin}})
        assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (status, allowed)


def test_a_token_is_made_once_kept_for_one_person_and_shown_once(start: Start, tmp_path: Path) -> None:
    first = start()
    kept = tmp_path / "conf" / "civitai-kit" / "serve-token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = kept.read_text().strip()
    assert first.ask("GET", MAP, token=token).status_code == 200
    assert first.greeting["data"]["token_is_new"] is True
    os.kill(first.process.pid, signal.SIGTERM)
    assert first.process.wait(timeout=20) in (0, 130, 143)
    assert start().greeting["data"]["token_is_new"] is False
    assert kept.read_text().strip() == token


def refused(sandbox: Sandbox, home: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "civitai_kit", "serve", "--json", *words],
        env=environment(sandbox, home),
        cwd=home,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    found = json.loads(done.stdout)["errors"][0]
    assert found["hint"]
    return dict(found)


def test_what_cannot_be_served_safely_is_refused(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    assert "no token is set" in refused(civitai_sandbox, tmp_path, "--host", "0.0.0.0")["message"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "--port" in refused(civitai_sandbox, tmp_path, "--port", port)["hint"]
    assert "--host" in refused(civitai_sandbox, tmp_path, "--host", "203.0.113.5", "--token", TOKEN)["hint"]
    assert "'*'" in refused(civitai_sandbox, tmp_path, "--allow-origin", "*")["message"]
    assert "a name" in refused(civitai_sandbox, tmp_path, "--allow-host", "https://models.example.org")["message"]
    kept = tmp_path / "conf" / "civitai-kit" / "serve-token"
    kept.chmod(0o644)
    assert "read by others" in refused(civitai_sandbox, tmp_path, "--port", "0")["message"]


def test_the_librarys_pages_and_on_request_the_models_are_served(serve: Serve, tmp_path: Path) -> None:
    library, models = tmp_path / "downloads" / "library", tmp_path / "downloads" / "lora"
    server = serve(with_files=True)
    missing = server.ask("GET", "/", token=None)
    assert missing.status_code == 404 and "`civitai-kit library pages`" in missing.text
    library.mkdir(parents=True)
    models.mkdir()
    (library / "index.html").write_text("<h1>mine</h1>")
    (models / "a.safetensors").write_bytes(bytes(range(100)))
    (models / "a.json").write_text("{}")
    (tmp_path / "downloads" / ".secret.safetensors").write_text("x")
    assert server.ask("GET", "/", token=None).text == "<h1>mine</h1>"
    part = server.ask("GET", "/files/lora/a.safetensors", token=None, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    for path in ("/files/lora/a.json", "/files/.secret.safetensors", "/files/civitai_download_db/data.mdb"):
        assert server.ask("GET", path, token=None).status_code == 404
    assert serve().ask("GET", "/files/lora/a.safetensors", token=None).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/files/../../../etc/passwd",
        "/files/..%5c..%5cetc",
        "/files/%00",
        "//etc/passwd",
        "/.civitai-kit.lock",
        "/api/admin/models/..%2f..%2fx/catalog",
        "/api/admin/models/%2e%2e/catalog",
        "/api/admin/models/a%00b/catalog",
    ],
)
def test_no_path_leads_out(serve: Serve, tmp_path: Path, path: str) -> None:
    library = tmp_path / "downloads" / "library"
    library.mkdir(parents=True)
    (library / "out").symlink_to("/etc")
    server = serve(with_files=True)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        method = "DELETE" if "/api/" in path else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        raw.sendall(head.encode())
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    assert answer.split(b" ")[1] in (b"400", b"404", b"405")
    assert b"root:" not in answer
    assert server.ask("GET", "/out/passwd", token=None).status_code == 404


def test_of_what_is_sent_too_much_nothing_is_read(serve: Serve) -> None:
    server = serve()
    assert server.ask("POST", "/api/admin/civitai/add/5", content=b"x" * 70_000).status_code == 413
    with pytest.raises(httpx2.HTTPError):
        server.ask("GET", MAP, headers={f"X-{number}": "y" * 1000 for number in range(100)}).raise_for_status()
    assert server.ask("GET", MAP).status_code == 200


def test_many_changes_at_once_lose_nothing(serve: Serve, civitai_sandbox: Sandbox) -> None:
    versions = [a_version(civitai_sandbox, name=f"LoRA {number}") for number in range(20)]
    server = serve()
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda one: server.ask("POST", f"/api/admin/civitai/add/{one.id}").json(), versions))
        assert {each["status"] for each in done} == {"added"}
        paths = [f"/api/admin/civitai/promote-to-lora/{one.id}" for one in versions]
        moved = pool.map(lambda path: server.ask("POST", path).json()["status"], paths)
        assert set(moved) == {"promoted"}
    found = json.loads((server.folder / "catalog" / "loras.json").read_text())
    held = [entry["civitai_version_id"] for one in found["categories"] for entry in one["models"]]
    assert sorted(held) == sorted(one.id for one in versions)
    assert found["version"] == 20


def test_a_broken_catalog_is_said_and_left(serve: Serve) -> None:
    server = serve()
    place = server.folder / "catalog" / "models.json"
    place.parent.mkdir(parents=True)
    place.write_text("{mine")
    answer = server.ask("GET", MAP)
    assert (answer.status_code, "models.json" in answer.json()["detail"]) == (500, True)
    assert place.read_text() == "{mine"


def test_the_description_names_every_endpoint(serve: Serve) -> None:
    server = serve()
    paths = server.ask("GET", "/openapi.json", token=None).json()["paths"]
    assert {MAP, "/healthz", "/api/admin/civitai/add/{version_id}"} <= set(paths)
    assert "openapi.json" in server.ask("GET", "/docs", token=None).text


def test_a_promotion_that_a_crash_cut_in_two_is_finished_at_the_next_start(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "downloads" / "catalog"
    folder.mkdir(parents=True)
    content = {"categories": [{"id": "x", "models": [{"file": "a", "dest": "loras", "civitai_version_id": 5}]}]}
    for name in ("models.json", "loras.json"):
        (folder / name).write_text(json.dumps(content))
    server = start("--token", TOKEN)
    server.process.terminate()
    assert server.process.wait(timeout=20) == 0
    assert json.loads((folder / "models.json").read_text())["categories"][0]["models"] == []
    assert json.loads((folder / "loras.json").read_text()) == content


def test_nobody_writes_lines_into_the_log_and_no_secret_is_in_it(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    server = start("--token", TOKEN, "--log-file", str(log), "--log-level", "info")
    assert server.ask("DELETE", "/api/admin/models/a%0aERROR%1b[31m%e2%80%ae/catalog").status_code == 404
    assert server.ask("GET", f"{MAP}%0aERROR?token={TOKEN}").status_code == 404
    server.process.terminate()
    server.process.wait(timeout=20)
    said = log.read_text(encoding="utf-8")
    assert "not found in catalog" in said and TOKEN not in said
    assert not {"\x1b", "\u202e"} & set(said)
    assert not any(line.startswith("ERROR") for line in said.splitlines())
