"""The standard world's gallery: pictures and clips that are not always what their names say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from civitai_kit.sandbox.worlds import media
from civitai_kit.sandbox.worlds.bodies import GivenBody
from civitai_kit.sandbox.worlds.content import WorldContent
from civitai_kit.sandbox.worlds.records import EPOCH, WorldArticle, WorldCollection, WorldPost

PAINTER, POST = "gallery_painter", 9001
FIRST_ARTICLE, FIRST_COLLECTION = 300, 400
"""The ids of five articles and five collections count up from the next."""
FIRST_GALLERY_IMAGE = 80_000_001
"""Ids of the painter's images count up from here, in the order of `fill_gallery`."""


FLAT = {
    "prompt": "a house by the sea, line art",
    "negativePrompt": "blurry",
    "seed": 1,
    "steps": 20,
    "Model": "dreamMixXL",
}
RESOURCES = FLAT | {"resources": [{"name": "plain_line_1", "type": "lora", "weight": 0.8}], "Size": "512x512"}
COMFY = {"prompt": "nodes", "comfy": json.dumps({"prompt": {"1": {"class_type": "KSampler"}}, "workflow": {}})}
TAGS = {11: "house", 12: "line art"}


def fill_gallery(world: WorldContent) -> None:
    """A post with every sort of image, all by one person and made with the second version of the first model."""
    version = next(iter(world.models.values())).versions[1]
    common: dict[str, Any] = {
        "username": PAINTER,
        "post_id": POST,
        "base_model": "SDXL 1.0",
        "version_ids": [version.id],
        "model_id": version.model_id,
    }
    for number, row in enumerate(_rows(version.id)):
        stats = {"likeCount": number, "heartCount": 1, "commentCount": number % 3}
        world.add_image(id=FIRST_GALLERY_IMAGE + number, **{"stats": stats, **common, **row})
    world.posts[POST] = WorldPost(title="By the sea", detail="<p>Of every sort.</p>", tags=dict(TAGS))
    world.add_image(id=FIRST_GALLERY_IMAGE + 50, username=None, meta=FLAT)
    world.add_image(id=FIRST_GALLERY_IMAGE + 51, username="minor_case", minor=True)


def fill_publications(world: WorldContent) -> None:
    """Articles and collections in every state, of a person who has models too."""
    person = next(iter(world.models.values())).user or world.add_user("sandbox_artist")
    for number in range(1, 6):
        tags = {21: "guide"} if number % 2 else {}
        when = EPOCH + timedelta(days=number)
        article = WorldArticle(
            id=FIRST_ARTICLE + number, title=f"How to, part {number}", user=person, tags=tags, likes=number % 3
        )
        article.published_at = when
        world.articles[article.id] = article
        collection = WorldCollection(id=FIRST_COLLECTION + number, name=f"Line art {number}", user=person, items=number)
        collection.followers = number % 4
        world.collections[collection.id] = collection
    world.articles[FIRST_ARTICLE + 4].nsfw_level = 8
    world.articles[FIRST_ARTICLE + 5].status = "Draft"
    world.collections[FIRST_COLLECTION + 4].read = "Unlisted"
    world.collections[FIRST_COLLECTION + 5].read = "Private"


def _rows(version_id: int) -> list[dict[str, Any]]:
    """What each image is and says, in the order of their ids."""
    clip: dict[str, Any] = {
        "content_type": "video/mp4",
        "type": "video",
        "poster": GivenBody(media.webp("poster")),
    }
    return [
        {"content": media.png(text="jpeg name, png bytes"), "meta": FLAT, "tags": TAGS},
        {"content": media.jpeg("true jpeg"), "content_type": "image/jpeg", "meta": RESOURCES, "tags": TAGS},
        {"content": media.webp("webp"), "content_type": "image/webp", "meta": None},
        {"content": media.gif(), "content_type": "text/plain", "meta": COMFY},
        {"content": media.mp4("clip"), **clip, "meta": FLAT},
        {"content": media.mp4("posted"), **clip, "poster_only": True, "meta": None},
        {"broken": True, "meta": FLAT},
        {"nsfw_level": 2, "meta": FLAT | {"prompt": "soft"}, "tags": {12: "line art"}},
        {"nsfw_level": 4, "meta": None},
        {"nsfw_level": 8, "meta": None},
        {"nsfw_level": 16, "meta": FLAT},
        {"meta": {"prompt": None, "civitaiResources": [{"modelVersionId": version_id, "weight": 1}]}},
        {"meta": FLAT, "width": None, "height": None, "blurhash": None},
        {"meta": FLAT, "post_id": POST + 1, "base_model": ""},
    ]
