"""Articles, collections, vault, permissions, versions in brief, tensors and download links, on all three clients."""

from __future__ import annotations

from datetime import timedelta
from operator import methodcaller
from typing import Any

import pytest

from civitai_kit import BadQuery, Forbidden, Gone, NotFound, Unauthorized, UnexpectedReply
from civitai_kit.sandbox.worlds.standard_gallery import FIRST_ARTICLE, FIRST_COLLECTION
from civitai_kit.testing import Known, Sandbox
from tests.client.conftest import Asking

FIRST_VERSION = Known.PLAIN_LORA * 100 + 1
FIRST_FILE = FIRST_VERSION * 10 + 1


@pytest.mark.parametrize("sort", [None, "newest", "Most Reactions"])
def test_articles_come_once_each_over_pages(asking: Asking, sort: str | None) -> None:
    found = asking.ask(lambda client: client.articles(limit=1, sort=sort, nsfw=True))
    assert sorted(one.id for one in found) == [FIRST_ARTICLE + number for number in (1, 2, 3, 4)]
    assert len(asking.sandbox.requests) == 4


def test_articles_are_found_by_title_writer_and_tags(asking: Asking) -> None:
    found = asking.ask(lambda client: client.articles(query="part", username="sandbox_artist", tags=[21, 5]))
    assert sorted(one.id for one in found) == [FIRST_ARTICLE + 1, FIRST_ARTICLE + 3]
    assert asking.sandbox.requests[0].query == "limit=100&query=part&tags=21%2C5&username=sandbox_artist"


def test_an_article_by_id_has_its_content_and_a_draft_is_missing(asking: Asking) -> None:
    one = asking.ask(lambda client: client.article(FIRST_ARTICLE + 1))
    assert (one.title, one.content, one.tags) == ("How to, part 1", "<p>Words.</p>", ("guide",))
    assert one.user.username == "sandbox_artist" and one.raw["stats"] == one.stats
    with pytest.raises(NotFound, match="No article with id 305"):
        asking.ask(lambda client: client.article(FIRST_ARTICLE + 5))


def test_collections_come_once_each_over_pages_and_by_followers_in_one(asking: Asking) -> None:
    found = asking.ask(lambda client: client.collections(limit=2))
    assert [one.id for one in found] == [FIRST_COLLECTION + number for number in (3, 2, 1)]
    assert [one.item_count for one in found] == [3, 2, 1]
    followed = asking.ask(lambda client: client.collections(limit=2, sort="Most Followers", query="line"))
    assert [one.id for one in followed] == [FIRST_COLLECTION + 3, FIRST_COLLECTION + 2]


def test_a_collection_by_id_may_be_unlisted_but_not_private(asking: Asking) -> None:
    one = asking.ask(lambda client: client.collection(FIRST_COLLECTION + 4))
    assert (one.name, one.read, one.is_public, one.type) == ("Line art 4", "Unlisted", False, "Model")
    with pytest.raises(NotFound, match="No collection"):
        asking.ask(lambda client: client.collection(FIRST_COLLECTION + 5))


def test_a_version_in_brief_names_its_file(asking: Asking) -> None:
    brief = asking.ask(lambda client: client.version_mini(FIRST_VERSION))
    assert brief.model_name and brief.air and brief.hashes.sha256 and brief.size
    assert brief.download_urls[0].startswith(asking.sandbox.url)
    other = asking.ask(lambda client: client.version_mini(FIRST_VERSION, file_id=FIRST_FILE))
    assert other.file_name == brief.file_name
    with pytest.raises(NotFound, match="Model file 5 not found") as caught:
        asking.ask(lambda client: client.version_mini(FIRST_VERSION, file_id=5))
    assert caught.value.version_id == FIRST_VERSION


def test_tensors_are_told_of_a_file_that_may_be_downloaded(asking: Asking) -> None:
    key = asking.sandbox.api_key
    found = asking.ask(lambda client: client.tensor_metadata(FIRST_FILE), key)
    assert found.format == "SafeTensor" and found.tensor_count == len(found.tensors) > 0
    assert found.largest_tensor.size_bytes == max(tensor.size_bytes for tensor in found.tensors)
    assert sum(share.count for share in found.dtype_counts) == found.tensor_count and found.vram_estimate == {}
    brief = asking.ask(lambda client: client.tensor_metadata(FIRST_FILE, summary_only=True), key)
    assert (brief.tensors, brief.total_tensor_bytes) == ((), found.total_tensor_bytes)
    with pytest.raises(Forbidden):
        asking.ask(lambda client: client.tensor_metadata(FIRST_FILE))


def test_permissions_are_asked_a_hundred_at_a_time(asking: Asking) -> None:
    ids = range(1, 151)
    assert asking.ask(lambda client: client.may_generate(ids, user_id=7)) == dict.fromkeys(ids, True)
    assert len(asking.sandbox.requests) == 2 and asking.sandbox.requests[0].query.endswith("&userId=7")
    assert asking.ask(lambda client: client.may_generate([])) == {}


def test_who_is_no_member_has_no_vault_and_nothing_in_it(asking: Asking) -> None:
    key = asking.sandbox.api_key
    assert asking.ask(lambda client: client.vault(), key) is None
    assert asking.ask(lambda client: client.vault_items(), key) == []
    assert asking.ask(lambda client: client.in_vault(FIRST_VERSION), key) == {FIRST_VERSION: None}
    with pytest.raises(Unauthorized):
        asking.ask(lambda client: client.vault())


def test_a_member_sees_what_is_in_the_vault(asking: Asking) -> None:
    key, kept = asking.sandbox.api_key, [FIRST_VERSION, FIRST_VERSION + 1, Known.FLUX * 100 + 1]
    asking.sandbox.world.vault = kept
    assert asking.ask(lambda client: client.vault(), key).used_storage_kb > 0
    found = asking.ask(lambda client: client.vault_items(limit=1, sort="model name"), key)
    assert sorted(item.model_version_id for item in found) == sorted(kept)
    assert found[0].files[0].display_name and found[0].status == "Stored"
    loras = asking.ask(lambda client: client.vault_items(types="lora"), key)
    assert {item.type for item in loras} == {"LORA"}
    assert asking.ask(lambda client: client.in_vault([FIRST_VERSION, 5]), key)[5] is None


def test_a_download_link_leads_to_the_storage_until_it_expires(asking: Asking) -> None:
    link = asking.ask(lambda client: client.download_link(FIRST_VERSION, file_id=FIRST_FILE), asking.sandbox.api_key)
    assert link.url.startswith(asking.sandbox.storage_url)
    assert link.expires_at is not None and link.expires_at.utcoffset() == timedelta(0)
    assert "Signature=" in link.url and "Signature=" not in repr(link)
    assert [request.host for request in asking.sandbox.requests] == ["site"]


@pytest.mark.parametrize(
    ("model_id", "kind", "signed_in"),
    [
        (Known.PLAIN_LORA, Unauthorized, False),
        (Known.EARLY_ACCESS, Forbidden, True),
        (Known.ARCHIVED, Gone, True),
        (Known.GENERATION_ONLY, Unauthorized, True),
        (Known.REAL_PERSON, NotFound, True),
    ],
)
def test_a_download_that_is_refused_gives_no_link(
    asking: Asking, model_id: int, kind: type[Exception], signed_in: bool
) -> None:
    key = asking.sandbox.api_key if signed_in else None
    with pytest.raises(kind) as caught:
        asking.ask(methodcaller("download_link", model_id * 100 + 1), key)
    error: Any = caught.value
    assert error.version_id == model_id * 100 + 1 and error.endpoint == f"/api/download/models/{model_id * 100 + 1}"


def test_a_page_in_the_place_of_a_download_is_no_link(asking: Asking) -> None:
    asking.sandbox.faults.add("html_200", times=None)
    with pytest.raises(UnexpectedReply):
        asking.ask(lambda client: client.download_link(FIRST_VERSION), asking.sandbox.api_key)


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.article(0),
        lambda client: client.articles(sort="Best"),
        lambda client: client.articles(tags=["guide"]),
        lambda client: client.collections(query="x" * 101),
        lambda client: client.collections(sort="Most Followers", cursor=5),
        lambda client: client.collections_page(limit=101),
        lambda client: client.vault_items(sort="Size"),
        lambda client: client.vault_items_page(cursor="two"),
        lambda client: client.tensor_metadata("first"),
        lambda client: client.version_mini(5, file_id=-1),
        lambda client: client.may_generate("all"),
    ],
)
def test_a_senseless_option_is_refused_before_anything_is_sent(
    asking: Asking, civitai_sandbox: Sandbox, use: Any
) -> None:
    with pytest.raises(BadQuery):
        asking.ask(use)
    assert len(civitai_sandbox.requests) == 0
