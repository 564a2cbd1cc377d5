"""A program over the public names, read by type checkers alone: mypy as strict as it gets, and pyright."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import httpx2

from civitai_kit import (
    Article,
    AsyncClient,
    AsyncHttp,
    AsyncItems,
    Client,
    Collection,
    Creator,
    Downloaded,
    DownloadLink,
    Exchange,
    FailedTry,
    HashOwner,
    Image,
    ImageSort,
    Items,
    Model,
    ModelOptions,
    ModelSort,
    ModelType,
    ModelVersion,
    NsfwLevel,
    Pace,
    PacePolicy,
    Page,
    Post,
    RateLimited,
    RetryPolicy,
    RetryRules,
    SyncHttp,
    Tag,
    TensorMetadata,
    User,
    Vault,
    VaultItem,
    VersionBrief,
    digests,
)
from civitai_kit.testing import Sandbox, sandbox

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - a client of it is handed in


class Once:
    """A retry policy."""

    def wait(self, failed: FailedTry) -> float | None:
        """One more try."""
        return 1.0 if failed.tried == 1 else None


def lists(client: Client) -> Iterator[str | None]:
    """Listings of the blocking client."""
    assert_type(client.models(types=[ModelType.LORA, "New"], sort=ModelSort.NEWEST, cursor="a"), Items[Model])
    assert_type(next(client.models().pages()), Page[Model])
    assert_type(client.models_page(limit=5).items, tuple[Model, ...])
    assert_type(client.models_page().next_cursor, str | int | None)
    assert_type(client.images(sort=ImageSort.NEWEST, nsfw=NsfwLevel.PG | NsfwLevel.PG13), Items[Image])
    assert_type(client.creators(query="a"), Items[Creator])
    assert_type(client.tags(), Items[Tag])
    assert_type(client.collections(sort="Newest"), Items[Collection])
    options: ModelOptions = {"types": "LORA", "nsfw": True}
    for model in client.models(**options):
        yield model.name


def blocking(client: Client) -> None:
    """Single things of the blocking client."""
    assert_type(client.article(1), Article)
    assert_type(client.vault(), Vault | None)
    assert_type(client.in_vault([1]), dict[int, VaultItem | None])
    assert_type(client.may_generate(1), dict[int, bool])
    assert_type(client.tensor_metadata(1, summary_only=True), TensorMetadata)
    assert_type(client.version_mini(1, file_id=2), VersionBrief)
    assert_type(client.version_ids_by_hash(["a"]), tuple[HashOwner, ...])
    assert_type(client.download_link(1), DownloadLink)
    assert_type(client.download(client.version(1), Path()), Downloaded)
    assert_type(client.model(1).versions[0].files[0].hashes.sha256, str | None)
    assert_type(digests("a file"), dict[str, str])
    try:
        assert_type(client.me(), User)
    except RateLimited as error:
        assert_type(error.retry_after, float | None)


async def awaiting(client: AsyncClient) -> None:
    """What an asynchronous program does."""
    assert_type(client.models(types="LORA"), AsyncItems[Model])
    async for page in client.models().pages():
        assert_type(page, Page[Model])
    async for image in client.images(post_id=1):
        assert_type(image, Image)
    assert_type(await client.images_page(cursor=5), Page[Image])
    assert_type(await client.version(1), ModelVersion)
    assert_type(await client.versions_by_hash(["a"]), tuple[ModelVersion, ...])
    assert_type(await client.post(1), Post)
    assert_type(await client.download(1, "models/"), Downloaded)


def handed_in(old: httpx.Client, old_async: httpx.AsyncClient) -> None:
    """Clients of both libraries fit, policies and hooks of any make."""
    fitting: list[SyncHttp] = [httpx2.Client(), old]
    awaited: list[AsyncHttp] = [httpx2.AsyncClient(), old_async]
    policies: list[RetryPolicy] = [Once(), RetryRules(max_retries=1)]
    pace: PacePolicy = Pace(1)
    Client(http=fitting[0], retry=policies[0], pace=pace, log=heard, on_wait=print)
    AsyncClient(http=awaited[0], retry=policies[1], pace=pace, log=heard)


async def at_once(client: AsyncClient) -> None:
    """Tasks of single questions; a client of one's own that answers some of them itself."""
    assert_type(await asyncio.create_task(client.model(1)), Model)
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(client.me()), asyncio.Task[User])
    assert_type(asyncio.run(client.enums()), dict[str, tuple[str, ...]])


class Remembering(Client):
    """A client with a question of its own."""

    def model(self, model_id: int) -> Model:
        """What is known already, or the site's answer."""
        return Model(id=1) if model_id == 1 else super().model(model_id)


def kept(model: Model) -> dict[Model, Path]:
    """Answers as keys, and as a test of one's own makes them."""
    made = Model(id=1, versions=[ModelVersion(id=2, name="v1")])
    made.name = "another"  # type: ignore[misc]
    return {model: Path("here"), made: Path("there")}


def heard(done: Exchange) -> None:
    """A hook."""
    assert_type(done.status, int | None)


def refused(client: Client) -> None:
    """What a checker has to find."""
    Client(http=httpx2.AsyncClient())  # type: ignore[arg-type]
    AsyncClient(http=httpx2.Client())  # type: ignore[arg-type]
    client.models(sorting="Newest")  # type: ignore[call-arg]
    client.models(limit="5")  # type: ignore[arg-type]
    client.model()  # type: ignore[call-arg]
    client.run  # type: ignore[attr-defined]  # noqa: B018 - nothing of ours shows


def in_a_test(civitai_sandbox: Sandbox) -> Client:
    """The sandbox in tests of one's own."""
    with sandbox() as other:
        assert_type(other, Sandbox)
    return Client(civitai_sandbox.api_key, base_url=civitai_sandbox.url)
