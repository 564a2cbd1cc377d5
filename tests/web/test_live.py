"""Downloads over HTTP: queued, followed, stopped; each file proved, and where the catalog has it."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.plans.plan import Item, Plan
from civitai_kit.core.plans.plan_file import plan_text
from civitai_kit.disk.save_lock import SaveLock
from civitai_kit.sandbox.worlds.records import WorldFile, WorldVersion
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Sandbox
from tests.web.conftest import TOKEN, Serve, Server, Start, served

DOWNLOAD, EVENTS, MAP = "/api/admin/download", "/api/admin/events", "/api/admin/models/civitai-map"
Row = dict[str, Any]


def a_file(sandbox: Sandbox, name: str = "some", size: int = 4096) -> tuple[WorldVersion, WorldFile]:
    model = sandbox.world.add_model(name, type="LORA")
    version = sandbox.world.add_version(model, "v1", base_model="Pony")
    return version, sandbox.world.add_file(version, f"{name}.safetensors", size=size)


def held_up(sandbox: Sandbox, after: int = 2000) -> None:
    """Let transfers stop on their way until somebody ends them."""
    sandbox.faults.add("stall", times=None, at=after, seconds=120)


def order(server: Server, **wanted: Any) -> Row:
    answer = server.ask("POST", DOWNLOAD, json=wanted)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def events(server: Server, since: int = 0) -> Iterator[Row]:
    """What the server tells, as it tells it."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": str(since)}
    with httpx2.stream("GET", server.url + EVENTS, headers=headers, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield from (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))


def until(server: Server, number: int, *statuses: str) -> Row:
    return next(row for row in events(server) if row["id"] == number and row["status"] in statuses)


def moving(server: Server, number: int) -> Row:
    """The download once bytes of it have come."""
    return next(row for row in events(server) if row["id"] == number and row["done"] > 0)


def test_a_version_in_the_catalog_goes_from_missing_to_present(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve(api_client_timeout_sec=30)
    version, file = a_file(civitai_sandbox)
    server.ask("POST", f"/api/admin/civitai/add/{version.id}")

    def status() -> Row:
        return dict(server.ask("GET", MAP).json()["by_version"][str(version.id)])

    assert status()["status"] == "missing"
    held_up(civitai_sandbox)
    first = order(server, version_id=version.id)
    waiting = order(server, ref=f"https://civitai.com/models/{version.model_id}")
    row = moving(server, first["id"])
    assert [one["version_id"] for one in row["moving"]] == [version.id]
    found = status()
    assert (found["status"], found["dl_total"]) == ("downloading", file.body.size)
    assert 0 < found["dl_bytes"] < file.body.size
    assert server.ask("DELETE", f"{DOWNLOAD}/{waiting['id']}").json()["status"] == "stopped"
    server.ask("DELETE", f"{DOWNLOAD}/{first['id']}")
    stopped = until(server, first["id"], "stopped", "failed", "done")
    assert (stopped["status"], stopped["errors"]) == ("stopped", [])
    assert status()["status"] == "missing"
    assert [*server.folder.rglob("*.part")], "what has come is kept"
    civitai_sandbox.faults.clear()
    again = until(server, order(server, version_id=version.id)["id"], "done", "failed")
    assert (again["status"], again["finished"], again["errors"]) == ("done", 1, [])
    assert status()["status"] == "present"
    content = (server.folder / "loras" / "some.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.body.digests["SHA256"].lower()
    with LmdbStore.open(server.folder / "civitai_download_db", read_only=True) as store:
        entry = store.get(version.id)
        assert entry is not None and [record.status for record in entry.files] == [Status.DOWNLOADED]


def test_a_file_that_lies_elsewhere_is_linked_to_its_place_in_the_catalog(
    serve: Serve, civitai_sandbox: Sandbox
) -> None:
    server = serve()
    version, _ = a_file(civitai_sandbox)
    assert until(server, order(server, version_id=version.id)["id"], "done", "failed")["status"] == "done"
    server.ask("POST", f"/api/admin/civitai/add/{version.id}")
    assert server.ask("GET", MAP).json()["by_version"][str(version.id)]["status"] == "missing"
    until(server, order(server, version_id=version.id)["id"], "done", "failed")
    assert server.ask("GET", MAP).json()["by_version"][str(version.id)]["status"] == "present"


def test_a_file_of_ones_own_that_has_the_name_of_one_in_the_catalog_is_left_as_it_is(
    serve: Serve, civitai_sandbox: Sandbox
) -> None:
    server = serve()
    for name in ("other", "same"):
        version, file = a_file(civitai_sandbox, name)
        right = b"".join(bytes(view) for view in file.body.views(0, file.body.size))
        content = right if name == "same" else right[:-1] + b"!"
        server.ask("POST", f"/api/admin/civitai/add/{version.id}")
        place = server.folder / "loras" / file.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        row = until(server, order(server, version_id=version.id)["id"], "done", "failed")
        assert (row["status"], row["saved"] == [f"loras/{file.name}"]) == ("done", name == "same")
        assert place.read_bytes() == content


def test_what_waits_is_queued_in_the_map_and_carried_out_in_order(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve(api_client_timeout_sec=30)
    (one, _), (two, _) = a_file(civitai_sandbox, "one"), a_file(civitai_sandbox, "two")
    server.ask("POST", f"/api/admin/civitai/add/{two.id}")
    held_up(civitai_sandbox)
    first, second = order(server, version_id=one.id), order(server, version_id=two.id)
    moving(server, first["id"])
    assert server.ask("GET", MAP).json()["by_version"][str(two.id)]["status"] == "queued"
    twice = server.ask("POST", DOWNLOAD, json={"version_id": two.id})
    assert (twice.status_code, twice.json()["id"]) == (200, second["id"])
    rows = server.ask("GET", DOWNLOAD).json()["downloads"]
    assert {row["id"]: row["status"] for row in rows} == {first["id"]: "running", second["id"]: "queued"}
    civitai_sandbox.faults.clear()
    server.ask("DELETE", f"{DOWNLOAD}/{first['id']}")
    assert until(server, second["id"], "done", "failed")["status"] == "done"


def test_a_saved_plan_is_carried_out_where_it_says(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version, file = a_file(civitai_sandbox)
    item = Item(
        model_id=version.model_id,
        model_name="some",
        version_id=version.id,
        version_name="v1",
        file_id=file.id,
        file_name=file.name,
        type="LORA",
        base_model="Pony",
        path="here/it is.safetensors",
        size=file.body.size,
        sha256=file.body.digests["SHA256"].lower(),
    )
    plan = json.loads(plan_text(Plan(items=(item,))))
    row = until(server, order(server, plan=plan)["id"], "done", "failed")
    assert (row["status"], row["ref"], row["version_id"]) == ("done", "a plan of 1 file", None)
    assert (server.folder / "here" / "it is.safetensors").stat().st_size == file.body.size
    for path in ("../out.safetensors", "catalog/models.json", "catalog/loras.json"):
        plan["items"][0]["path"] = path
        refused = server.ask("POST", DOWNLOAD, json={"plan": plan})
        assert refused.status_code == 400 and "item 1" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}", b'{"ref": 5}', b'{"ref": "not a model"}', b'{"ref": "1", "version_id": 2}'),
        *(b'{"version_id": %s}' % value for value in (b"0", b"-1", b"true", b'"5"', b"99999999999", b"1e3")),
        *(b'{"plan": %s}' % value for value in (b"5", b"{}", b'{"items": [], "schema": 1}')),
        *(b'{"ref": "https://evil.example/models/1"}', b'{"ref": "https://civitai.com/images/5"}', b"[" * 9999),
        b'{"plan": {"items": [{}], "schema": 1}}',
    ],
)
def test_what_is_no_order_is_refused_with_a_sentence(serve: Serve, body: bytes) -> None:
    server = serve()
    answer = server.ask("POST", DOWNLOAD, content=body)
    assert (answer.status_code, set(answer.json())) == (400, {"detail"})
    assert server.ask("GET", DOWNLOAD).json() == {"downloads": []}
    assert not server.folder.exists()


def test_what_the_site_does_not_give_is_said_and_the_next_has_its_turn(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version, _ = a_file(civitai_sandbox)
    missing = until(server, order(server, version_id=999_999_999)["id"], "failed", "done")
    assert (missing["status"], missing["errors"][0]["code"]) == ("failed", "not_found")
    assert missing["errors"][0]["hint"]
    assert until(server, order(server, version_id=version.id)["id"], "failed", "done")["status"] == "done"
    for method, number, status in (("GET", 99, 404), ("DELETE", 99, 404), ("DELETE", missing["id"], 409)):
        answer = server.ask(method, f"{DOWNLOAD}/{number}")
        assert (answer.status_code, set(answer.json())) == (status, {"detail"})


def test_a_ref_that_names_a_file_fetches_that_file_alone(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version, _ = a_file(civitai_sandbox, "one")
    second = civitai_sandbox.world.add_file(version, "two.safetensors", size=4096)
    site = f"{civitai_sandbox.url}/api/download/models/{version.id}?fileId="
    row = until(server, order(server, ref=f"{site}{second.id}")["id"], "done", "failed")
    [saved] = [path.relative_to(server.folder).as_posix() for path in server.folder.rglob("*.safetensors")]
    assert (row["status"], row["name"], row["saved"]) == ("done", "one, v1", [saved]) and saved.endswith(
        "two.safetensors"
    )
    unknown = until(server, order(server, ref=f"{site}99")["id"], "done", "failed")
    assert [error["message"] for error in unknown["errors"]] == [f"Version {version.id} has no file 99."]
    again = until(server, order(server, ref=f"{site}{second.id}")["id"], "done", "failed")
    assert (again["status"], again["skipped"], again["skips"], again["saved"]) == ("done", 1, {"have": 1}, [])


def test_a_download_waits_for_another_program_that_writes(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    version, _ = a_file(civitai_sandbox)
    with SaveLock(server.folder, "download"):
        number = order(server, version_id=version.id)["id"]
        row = next(row for row in events(server) if row["id"] == number and row["waits"])
        assert "being written by `download`" in row["waits"]
        server.ask("DELETE", f"{DOWNLOAD}/{number}")
        assert until(server, number, "stopped", "failed")["errors"] == [], "to be stopped is no failure"
        number = order(server, version_id=version.id)["id"]
    done = until(server, number, "done", "failed")
    assert (done["status"], done["waits"]) == ("done", None)


def test_a_follower_who_comes_again_hears_only_what_is_new(serve: Serve, civitai_sandbox: Sandbox) -> None:
    server = serve()
    (one, _), (two, _) = a_file(civitai_sandbox, "one"), a_file(civitai_sandbox, "two")
    first = until(server, order(server, version_id=one.id)["id"], "done")
    second = order(server, version_id=two.id)
    assert next(events(server, first["revision"]))["id"] == second["id"]
    for _ in range(60):
        assert next(events(server, 10**9))["id"] == first["id"], "a number of a server before this one means nothing"


def test_a_follower_who_comes_after_a_restart_hears_all_of_the_new_server(
    civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    version, _ = a_file(civitai_sandbox)
    site: dict[str, Any] = {"api_url": civitai_sandbox.url, "api_key": civitai_sandbox.api_key}
    with served(tmp_path, **site) as server:
        last = until(server, order(server, version_id=version.id)["id"], "done")["revision"]
    with served(tmp_path, **site) as server:
        numbers = [order(server, version_id=10**9 + more)["id"] for more in range(6)]
        until(server, numbers[-1], "failed")
        assert next(events(server, last))["id"] == numbers[0]


def test_to_close_the_server_ends_downloads_in_order(start: Start, civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    version, file = a_file(civitai_sandbox, size=400_000)
    process = start("--token", TOKEN)
    held_up(civitai_sandbox, after=200_000)
    number = order(process, version_id=version.id)["id"]
    followed = events(process)
    assert next(row for row in followed if row["done"] > 0)["id"] == number
    process.process.send_signal(signal.SIGTERM)
    assert [row["status"] for row in followed][-1] == "stopped"
    assert process.process.wait(timeout=20) in (0, 130, 143)
    assert [*(tmp_path / "downloads").rglob("*.part")]
    civitai_sandbox.faults.clear()
    again = start("--token", TOKEN)
    assert until(again, order(again, version_id=version.id)["id"], "done", "failed")["status"] == "done"
    assert [path.stat().st_size for path in (tmp_path / "downloads").rglob("*.safetensors")] == [file.body.size]


def test_of_many_that_follow_at_once_those_beyond_the_limit_are_refused(serve: Serve) -> None:
    host, port = serve().url.removeprefix("http://").split(":")
    asked = f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    with ExitStack() as stack:
        raw = [stack.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in range(60)]
        for one in raw:
            one.sendall(asked)
        statuses = [one.recv(65536).split()[1] for one in raw]
    assert Counter(statuses) == {b"200": 50, b"503": 10}
