"""Downloads from code, on all three clients: proved, gone on with, told of, cancelled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from civitai_kit import (
    AsyncClient,
    CivitaiKitError,
    Client,
    Forbidden,
    NotFound,
    RetryRules,
    Unauthorized,
    UsageError,
)
from civitai_kit.core.errors import HashMismatch, NotWritable
from civitai_kit.sandbox.worlds.world import World
from civitai_kit.testing import Known, Sandbox
from tests.client.conftest import SWIFT, Asking

VERSION = Known.PLAIN_LORA * 100 + 1


def sha256_of(path: Path) -> str:
    """What a file's bytes say."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def promised(sandbox: Sandbox, version_id: int) -> Any:
    """A version as the site shows it."""
    with Client(base_url=sandbox.url) as client:
        return client.version(version_id)


def test_a_version_is_put_into_a_folder_under_its_files_name_and_proved(asking: Asking, tmp_path: Path) -> None:
    version, moved = promised(asking.sandbox, VERSION), []
    done = asking.ask(
        lambda client: client.download(version, f"{tmp_path}/new/", progress=lambda *bytes_: moved.append(bytes_)),
        asking.sandbox.api_key,
    )
    assert done.path.parent == tmp_path / "new" and done.path.suffix == ".safetensors"
    assert sha256_of(done.path) == version.files[0].hashes.sha256 == done.digests["SHA256"]
    assert done.received == done.size == version.files[0].size and moved[-1] == (done.size, done.size)
    assert [path.name for path in done.path.parent.iterdir()] == [done.path.name]


def test_one_file_goes_under_the_name_that_was_chosen(asking: Asking, tmp_path: Path) -> None:
    version = promised(asking.sandbox, Known.CHECKPOINT_VARIANTS * 100 + 1)
    other = next(file for file in version.files if not file.primary)
    done = asking.ask(lambda client: client.download(other, tmp_path / "mine.bin"), asking.sandbox.api_key)
    assert done.path == tmp_path / "mine.bin" and sha256_of(done.path) == other.hashes.sha256


def test_an_id_is_looked_up_first(asking: Asking, tmp_path: Path) -> None:
    done = asking.ask(lambda client: client.download(VERSION, tmp_path), asking.sandbox.api_key)
    assert done.path.parent == tmp_path and done.size == done.path.stat().st_size


def test_a_right_file_that_is_there_is_left_and_another_one_is_kept(asking: Asking, tmp_path: Path) -> None:
    version, key = promised(asking.sandbox, VERSION), asking.sandbox.api_key
    first = asking.ask(lambda client: client.download(version, tmp_path), key)
    asked = len(asking.sandbox.requests)
    again = asking.ask(lambda client: client.download(version, tmp_path), key)
    assert (again.path, again.received, len(asking.sandbox.requests)) == (first.path, 0, asked)
    first.path.write_bytes(b"mine")
    with pytest.raises(NotWritable, match="is there, and is not this file"):
        asking.ask(lambda client: client.download(version, tmp_path), key)
    assert first.path.read_bytes() == b"mine"
    asking.ask(lambda client: client.download(version, tmp_path, overwrite=True), key)
    assert sha256_of(first.path) == version.files[0].hashes.sha256


def test_a_download_that_broke_goes_on_from_its_part(asking: Asking, tmp_path: Path) -> None:
    asking.sandbox.world = world = World()
    version = world.add_version(world.add_model("Big"))
    world.add_file(version, "big.safetensors", size=8_000_000)
    asking.sandbox.faults.add("cut", times=1, at=6_000_000)
    key, never = asking.sandbox.api_key, RetryRules(max_retries=0)
    with pytest.raises(CivitaiKitError):
        asking.ask(lambda client: client.download(version.id, tmp_path), key, retry=never)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".part"]
    done = asking.ask(lambda client: client.download(version.id, tmp_path), key)
    assert done.resumed > 0 and done.received < 8_000_000
    assert [path.name for path in tmp_path.iterdir()] == [done.path.name]


def test_a_progress_that_raises_ends_a_download_which_goes_on_from_there(asking: Asking, tmp_path: Path) -> None:
    def enough(done: int, size: int | None) -> None:
        if done > 100_000:
            raise LookupError("enough")

    asking.sandbox.reset(World())
    asking.sandbox.world.add_simple("Ink", size=1_500_000)
    with Client(asking.sandbox.api_key, base_url=asking.sandbox.url) as client:
        version = next(client.models()).versions[0]
    asking.sandbox.faults.add("throttle", rate=3_000_000)
    with pytest.raises(LookupError, match="enough"):
        asking.ask(lambda client: client.download(version, tmp_path, progress=enough), asking.sandbox.api_key)
    done = asking.ask(lambda client: client.download(version, tmp_path), asking.sandbox.api_key)
    assert done.resumed > 100_000 and done.resumed + done.received == done.size


def test_wrong_bytes_never_get_the_name(asking: Asking, tmp_path: Path) -> None:
    asking.sandbox.faults.add("wrong_bytes", times=None)
    with pytest.raises(HashMismatch):
        asking.ask(lambda client: client.download(VERSION, tmp_path), asking.sandbox.api_key, retry=SWIFT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version_id", "signed_in", "kind"),
    [
        (VERSION, False, Unauthorized),
        (Known.EARLY_ACCESS * 100 + 1, True, Forbidden),
        (5, True, NotFound),
    ],
)
def test_what_the_site_refuses_is_its_error_and_leaves_nothing(
    asking: Asking, tmp_path: Path, version_id: int, signed_in: bool, kind: type[Exception]
) -> None:
    key = asking.sandbox.api_key if signed_in else None
    with pytest.raises(kind):
        asking.ask(lambda client: client.download(version_id, tmp_path), key)
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_a_users_client_is_used_for_downloads_too(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    http = httpx2.Client(headers={"Authorization": f"Bearer {civitai_sandbox.api_key}"})
    with http, Client(base_url=civitai_sandbox.url, http=http) as client:
        assert client.download(VERSION, tmp_path).size > 0


def test_a_folder_in_the_place_of_the_file_and_a_file_from_nowhere_are_refused(
    civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    version = promised(civitai_sandbox, VERSION)
    with Client(civitai_sandbox.api_key, base_url=civitai_sandbox.url) as client:
        name = client.download(version, tmp_path / "first").path
        (tmp_path / "second").mkdir()
        name.unlink()
        nowhere = version.files[0].model_copy(update={"download_url": None})
        with pytest.raises(UsageError, match="does not say where it comes from"):
            client.download(nowhere, tmp_path)
        with pytest.raises(UsageError, match="no file"):
            client.download(version.model_copy(update={"files": ()}), tmp_path)
        somewhere: Any
        for somewhere in (None, 5, b"folder/", "a\0b"):
            with pytest.raises(UsageError, match="to takes the path"):
                client.download(version, somewhere)
        with pytest.raises(NotWritable, match="too long"):
            client.download(version, tmp_path / ("a" * 300))
        with pytest.raises(UsageError, match="progress takes a plain function"):
            client.download(version, tmp_path / "third", progress=anyio.sleep)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_download_ends_soon_and_keeps_its_part(
    civitai_sandbox: Sandbox, tmp_path: Path, backend: str
) -> None:
    civitai_sandbox.world = world = World()
    version = world.add_version(world.add_model("Big"))
    world.add_file(version, "big.safetensors", size=8_000_000)
    civitai_sandbox.faults.add("stall", times=1, at=4_000_000)
    moved: list[int] = []

    async def main() -> Any:
        async with AsyncClient(civitai_sandbox.api_key, base_url=civitai_sandbox.url, retry=SWIFT) as client:
            async with anyio.create_task_group() as tasks:

                async def fetch() -> None:
                    await client.download(version.id, tmp_path, progress=lambda done, size: moved.append(done))

                tasks.start_soon(fetch)
                with anyio.fail_after(20):
                    while not moved or not list(tmp_path.glob("*.part")):
                        await anyio.sleep(0.02)
                with anyio.fail_after(5):
                    tasks.cancel_scope.cancel()
            assert list(tmp_path.glob("*.part"))
            civitai_sandbox.faults.clear()
            return await client.download(version.id, tmp_path)

    done = anyio.run(main, backend=backend)
    assert done.size == 8_000_000 and [path.name for path in tmp_path.iterdir()] == [done.path.name]
