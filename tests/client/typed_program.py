"""A program over the public names, read by type checkers alone: mypy as strict as it gets, and pyright."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import httpx2

from civitai_kit import (
    Article,
    AsyncClient,
    AsyncItems,
    Client,
    Collection,
    Creator,
    Downloaded,
    DownloadLink,
    FailedTry,
    Image,
    ImageSort,
    Items,
    Model,
    ModelSort,
    ModelType,
    ModelVersion,
    NsfwLevel,
    Pace,
    Page,
    RateLimited,
    RetryRules,
    TensorMetadata,
    Vault,
    VaultItem,
    VersionBrief,
)

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - a client of it is handed in


class Once:
    """A retry policy."""

    def wait(self, failed: FailedTry) -> float | None:
        """One more try."""
        return 1.0 if failed.tried == 1 else None


def blocking(client: Client) -> None:
    """What a blocking program does."""
    assert_type(client.models(types=[ModelType.LORA, "New"], sort=ModelSort.NEWEST, cursor="a"), Items[Model])
    assert_type(next(client.models().pages()), Page[Model])
    assert_type(client.models_page(limit=5).items, tuple[Model, ...])
    assert_type(client.images(sort=ImageSort.NEWEST, nsfw=NsfwLevel.PG | NsfwLevel.PG13), Items[Image])
    assert_type(client.creators(query="a"), Items[Creator])
    assert_type(client.article(1), Article)
    assert_type(client.collections(sort="Newest"), Items[Collection])
    assert_type(client.vault(), Vault | None)
    assert_type(client.in_vault([1]), dict[int, VaultItem | None])
    assert_type(client.may_generate(1), dict[int, bool])
    assert_type(client.tensor_metadata(1, summary_only=True), TensorMetadata)
    assert_type(client.version_mini(1, file_id=2), VersionBrief)
    assert_type(client.download_link(1), DownloadLink)
    assert_type(client.download(client.version(1), Path()), Downloaded)
    assert_type(client.model(1).versions[0].files[0].hashes.sha256, str | None)
    try:
        client.me()
    except RateLimited as error:
        assert_type(error.retry_after, float | None)


async def awaiting(client: AsyncClient) -> None:
    """What an asynchronous program does."""
    assert_type(client.models(types="LORA"), AsyncItems[Model])
    async for page in client.models().pages():
        assert_type(page, Page[Model])
    async for image in client.images(post_id=1):
        assert_type(image, Image)
    assert_type(await client.version(1), ModelVersion)
    assert_type(await client.versions_by_hash(["a"]), tuple[ModelVersion, ...])
    assert_type(await client.download(1, "models/"), Downloaded)


def handed_in(old: httpx.Client, old_async: httpx.AsyncClient) -> None:
    """Clients of both libraries fit, policies of any make."""
    Client(http=httpx2.Client(), retry=Once(), pace=Pace(1))
    Client(http=old, retry=RetryRules(max_retries=1))
    AsyncClient(http=httpx2.AsyncClient())
    AsyncClient(http=old_async)
