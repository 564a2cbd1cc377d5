"""The gallery against site.md 8: levels, the two paths, their cursors, and generation data."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from civitai_kit.testing import Sandbox, World

IMAGES = "/api/v1/images"
PAINTER = {"username": "gallery_painter"}
FIRST = 80_000_001


def ids(reply: httpx2.Response) -> list[int]:
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def walk(client: httpx2.Client, **params: Any) -> tuple[list[int], int]:
    found: list[int] = []
    for pages in range(1, 100):
        reply = client.get(IMAGES, params=params)
        found += ids(reply)
        if "nextCursor" not in reply.json()["metadata"]:
            return found, pages
        params["cursor"] = reply.json()["metadata"]["nextCursor"]
    raise AssertionError("the cursors never end")


@pytest.mark.parametrize(
    ("params", "levels"),
    [
        ({}, {1}),
        ({"nsfw": "false"}, {1}),
        ({"nsfw": "None"}, {1}),
        ({"nsfw": "Soft"}, {1, 2}),
        ({"nsfw": "Mature"}, {1, 2, 4}),
        ({"nsfw": "X"}, {1, 2, 4, 8, 16}),
        ({"nsfw": "true"}, {4, 8, 16}),
        ({"browsingLevel": "3", "nsfw": "X"}, {1, 2}),
    ],
)
def test_the_level_asked_for_is_what_the_words_mean_to_the_site(
    site: httpx2.Client, params: dict[str, str], levels: set[int]
) -> None:
    items = site.get(IMAGES, params=PAINTER | params).json()["items"]
    assert {item["browsingLevel"] for item in items} == levels


def test_an_item_names_its_level_and_gives_no_generation_data_unasked(site: httpx2.Client) -> None:
    items = {item["id"]: item for item in site.get(IMAGES, params=PAINTER | {"nsfw": "X"}).json()["items"]}
    labels = [items[FIRST + number]["nsfwLevel"] for number in (0, 7, 8, 9, 10)]
    assert labels == ["None", "Soft", "Mature", "X", "X"]
    assert items[FIRST]["nsfw"] is False and items[FIRST + 7]["nsfw"] is True
    assert all(item["meta"] is None for item in items.values())
    assert items[FIRST + 12]["width"] is None and items[FIRST + 13]["baseModel"] == ""


def test_generation_data_is_flat_on_the_feed_and_wrapped_on_the_older_path(site: httpx2.Client) -> None:
    def meta(**params: Any) -> Any:
        items = site.get(IMAGES, params={"withMeta": "true", "nsfw": "X", **params}).json()["items"]
        return next(item["meta"] for item in items if item["id"] == FIRST)

    flat = meta(**PAINTER)
    assert flat["prompt"] == "a house by the sea, line art"
    assert meta(imageId=FIRST) == {"id": FIRST, "meta": flat}
    assert meta(modelId=1001) == {"id": FIRST, "meta": flat}
    assert meta(imageId=FIRST, flatMeta="true") == flat
    assert meta(**PAINTER, flatMeta="false") == {"id": FIRST, "meta": flat}


def test_a_comfy_graph_is_a_string_of_json(site: httpx2.Client) -> None:
    items = site.get(IMAGES, params=PAINTER | {"withMeta": "true"}).json()["items"]
    comfy = next(item["meta"]["comfy"] for item in items if item["id"] == FIRST + 3)
    assert "workflow" in json.loads(comfy)


def test_the_feeds_cursors_are_offsets_that_lead_to_everything_once(site: httpx2.Client) -> None:
    whole = ids(site.get(IMAGES, params=PAINTER | {"nsfw": "X", "sort": "Newest"}))
    found, pages = walk(site, **PAINTER, nsfw="X", sort="Newest", limit=4)
    assert found == whole and pages == 4
    cursor = site.get(IMAGES, params=PAINTER | {"limit": 4}).json()["metadata"]["nextCursor"]
    assert cursor.startswith("4|") and cursor.split("|")[1].isdigit()
    bare = site.get(IMAGES, params=PAINTER | {"nsfw": "X", "sort": "Newest", "cursor": "4", "limit": 4})
    assert ids(bare) == whole[4:8]


def test_the_feed_gives_every_page_number_the_first_page_and_its_next_page_has_no_cursor(site: httpx2.Client) -> None:
    first, second = (site.get(IMAGES, params=PAINTER | {"page": page, "limit": 3}) for page in (1, 2))
    assert ids(first) == ids(second)
    assert "page=3" in second.json()["metadata"]["nextPage"]
    assert "cursor" not in second.json()["metadata"]["nextPage"]


def test_the_older_path_has_numbers_for_cursors_and_loses_one_image_a_page(site: httpx2.Client) -> None:
    params: dict[str, Any] = {"modelId": 1001, "nsfw": "X"}
    whole = ids(site.get(IMAGES, params=params))
    cursor = site.get(IMAGES, params=params | {"limit": 3}).json()["metadata"]["nextCursor"]
    assert isinstance(cursor, int) and cursor == whole[3]
    found, pages = walk(site, **params, limit=3)
    assert len(set(whole) - set(found)) == pages - 1
    mended = site.get(IMAGES, params=params | {"limit": 3, "cursor": cursor + 1})
    assert ids(mended)[0] == cursor


def test_the_older_path_backwards_loses_nothing(site: httpx2.Client) -> None:
    params: dict[str, Any] = {"modelId": 1001, "nsfw": "X", "sort": "Oldest"}
    found, _ = walk(site, **params, limit=3)
    assert found == ids(site.get(IMAGES, params=params)) == sorted(found)


def test_a_version_beside_a_model_means_the_version(site: httpx2.Client) -> None:
    both = site.get(IMAGES, params={"modelId": 1002, "modelVersionId": 100101})
    assert ids(both) == ids(site.get(IMAGES, params={"modelVersionId": 100101})) != []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": "201"}, "Too big: expected number to be <=200"),
        ({"postId": "abc"}, "'abc' cannot be converted to a number"),
        ({"username": "a b"}, "Invalid string: must match pattern /^[A-Za-z0-9_]*$/"),
        ({"baseModels": "SDXL"}, "Invalid option: expected one of"),
        ({"sort": "Hot"}, "Invalid option: expected one of"),
        ({"nsfw": "Everything"}, "Invalid option: expected one of"),
    ],
)
def test_a_bad_parameter_is_refused(site: httpx2.Client, params: dict[str, str], message: str) -> None:
    reply = site.get(IMAGES, params=params)
    assert reply.status_code == 400
    assert json.loads(reply.json()["error"]["message"])[0]["message"].startswith(message)


def test_an_unknown_person_is_an_empty_feed_and_not_found_on_the_older_path(site: httpx2.Client) -> None:
    assert ids(site.get(IMAGES, params={"username": "nobody"})) == []
    older = site.get(IMAGES, params={"username": "nobody", "modelId": 1001})
    assert (older.status_code, older.json()) == (404, {"message": "User not found"})


def test_lists_may_be_joined_by_commas(site: httpx2.Client) -> None:
    assert len(ids(site.get(IMAGES, params=PAINTER | {"type": "image,video", "tags": "11,99"}))) == 2
    assert ids(site.get(IMAGES, params={"baseModels": "Flux.1 D,Pony"})) != []
    assert ids(site.get(IMAGES, params={"type": "video"})) != []


def test_posts_tags_and_single_images_can_be_asked_for(site: httpx2.Client) -> None:
    assert ids(site.get(IMAGES, params={"postId": 9002})) == [FIRST + 13]
    assert ids(site.get(IMAGES, params={"imageId": FIRST + 1})) == [FIRST + 1]
    tagged = site.get(IMAGES, params={"imageId": FIRST, "withTags": "true"}).json()["items"][0]
    assert {"id": 12, "name": "line art"} in tagged["tags"]


def test_many_images_are_asked_for_by_their_ids_and_what_is_not_shown_is_missing(site: httpx2.Client) -> None:
    wanted = f"{FIRST + 1},{FIRST + 9},5,{FIRST}"
    assert ids(site.get(IMAGES, params={"ids": wanted})) == [FIRST + 1, FIRST]
    page = site.get(IMAGES, params={"ids": wanted, "nsfw": "X", "withMeta": "true"}).json()
    assert [item["id"] for item in page["items"]] == [FIRST + 9, FIRST + 1, FIRST]
    assert page["metadata"] == {} and page["items"][2]["meta"].keys() == {"id", "meta"}
    many = ids(site.get(IMAGES, params={"ids": ",".join(map(str, range(FIRST, FIRST + 100))), "nsfw": "X"}))
    assert len(many) == 15


@pytest.mark.parametrize("given", ["", ",", "0", "-1", "x", ",".join(map(str, range(1, 102)))])
def test_ids_that_are_none_or_too_many_are_refused(site: httpx2.Client, given: str) -> None:
    reply = site.get(IMAGES, params={"ids": given})
    assert reply.status_code == 400 and reply.json()["error"]["name"] == "ZodError"


def test_clips_have_a_still_picture_for_a_thumbnail_and_pictures_have_none(site: httpx2.Client) -> None:
    items = {item["id"]: item for item in site.get(IMAGES, params=PAINTER).json()["items"]}
    assert items[FIRST]["thumbnail"] is None and items[FIRST]["type"] == "image"
    still = httpx2.get(items[FIRST + 4]["thumbnail"], verify=False)
    assert items[FIRST + 4]["type"] == "video" and still.content[8:12] == b"WEBP"


def test_a_post_has_its_images_in_order_and_of_every_level_without_generation_data(site: httpx2.Client) -> None:
    post = site.get("/api/v1/posts/9001").json()
    assert [image["id"] for image in post["images"]] == [FIRST + number for number in range(13)]
    assert {image["meta"] for image in post["images"]} == {None}
    assert (post["title"], post["nsfwLevel"], post["modelVersionId"]) == ("By the sea", 31, 100102)
    assert post["user"]["username"] == "gallery_painter" and {"id": 12, "name": "line art"} in post["tags"]
    bare = site.get("/api/v1/posts/9002").json()
    assert (bare["title"], len(bare["images"])) == (None, 1)


def test_a_post_shows_its_first_hundred_images(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    for _ in range(120):
        civitai_sandbox.world.add_image(username="mixer", post_id=77)
    assert len(site.get("/api/v1/posts/77").json()["images"]) == 100


def test_what_is_no_post_and_what_is_not_shown_are_told_alike(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.posts[9001].status = "Draft"
    for number in (9001, 5):
        reply = site.get(f"/api/v1/posts/{number}")
        assert (reply.status_code, reply.json()) == (404, {"error": "Post not found"})
    assert site.get("/api/v1/posts/0").status_code == site.get("/api/v1/posts/x").status_code == 400
    assert site.post("/api/v1/posts/9002").status_code == 405


def test_too_many_pages_is_a_429(site: httpx2.Client) -> None:
    assert site.get(IMAGES, params={"page": 6, "limit": 200}).status_code == 429


def test_a_gallery_of_any_size_needs_no_memory(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world = World.images_on_the_fly(10_000_000)
    page = site.get(IMAGES, params={"cursor": "5000", "limit": 200}).json()
    assert len(page["items"]) == 200 and page["metadata"]["nextCursor"].startswith("5200|")
    assert httpx2.get(page["items"][7]["url"], verify=False).content.startswith(b"\x89PNG")
    assert ids(site.get(IMAGES, params={"nsfw": "true"})) == []
    assert ids(site.get(IMAGES, params={"username": "nobody"})) == []


def test_a_period_counts_back_from_the_worlds_today(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    assert ids(site.get(IMAGES, params=PAINTER | {"period": "Month"})) == []
    fresh = next(image for image in civitai_sandbox.world.images if image.id == FIRST)
    fresh.created_at = civitai_sandbox.world.now
    assert ids(site.get(IMAGES, params=PAINTER | {"period": "Month"})) == [FIRST]
