"""The image host: from a delivery URL's path to the bytes it answers with (API facts 8b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_kit.sandbox.bodies import Body
from civitai_kit.sandbox.records import ImageRecord

if TYPE_CHECKING:
    from civitai_kit.sandbox.world import World

MEDIA_ACCOUNT = "xG1nkqKTMzGDvpLrqFT7WA"
"""The account id in every delivery URL (API facts 1.1)."""


def delivery_url(storage_url: str, image: ImageRecord, *, name: str | None = None) -> str:
    """Where the original of an image is delivered; `name` is decorative."""
    if image.url is not None:
        return image.url
    return f"{storage_url}/{MEDIA_ACCOUNT}/{image.uuid}/original=true/{name or image.uuid}.{image.extension}"


def delivered(world: World, path: str) -> tuple[Body, str] | None:
    """The bytes and content type for a delivery path, None when there are none."""
    parts = path.strip("/").split("/")
    if len(parts) < 2 or parts[0] != MEDIA_ACCOUNT:
        return None
    image = world.image_by_uuid(parts[1])
    if image is None or image.body is None:
        return None
    return _rendition(image, image.body, _transforms(parts[2]) if len(parts) > 3 else {})


def _transforms(segment: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in segment.split(",") if "=" in part)


def _rendition(image: ImageRecord, body: Body, transforms: dict[str, str]) -> tuple[Body, str]:
    if image.type == "video":
        return _video_rendition(image, body, transforms)
    if "width" in transforms and image.resized is not None:
        return image.resized, "image/webp"
    return body, image.content_type


def _video_rendition(image: ImageRecord, body: Body, transforms: dict[str, str]) -> tuple[Body, str]:
    """`anim=false` gives a still; in poster mode so does the plain original, until a quality is asked for."""
    still = transforms.get("anim") == "false"
    plain = "quality" not in transforms and "transcode" not in transforms
    if image.poster is not None and (still or (image.poster_only and plain)):
        return image.poster, "image/webp"
    return body, image.content_type
