"""`GET /api/v1/posts/{id}`: a post with its first images (site.md 8.5)."""

from __future__ import annotations

from functools import reduce
from operator import or_

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import enums, validation
from civitai_kit.sandbox.site.images import shown_item
from civitai_kit.sandbox.site.render import iso
from civitai_kit.sandbox.site.replies import error, json_reply, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.worlds.records import WorldImage, WorldPost

MOST_IMAGES = 100


async def post(request: Request) -> Response:
    """The post for anybody, whoever asks; every level is shown."""
    try:
        number = validation.identifier("id", request.path_params["id"])
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    state = state_of(request)
    said = state.world.posts.get(number, WorldPost())
    images = [image for image in state.world.images if image.post_id == number and not image.poi and not image.minor]
    level = reduce(or_, (image.nsfw_level for image in images), 0)
    if said.status != "Published" or not level & enums.ALL_LEVELS:
        return error(404, "Post not found")
    shown = [image for image in images if image.nsfw_level & enums.ALL_LEVELS]
    first = shown[0]
    version_id = next(iter(first.version_ids), None)
    version = state.world.version(version_id) if version_id is not None else None
    return json_reply(
        {
            "id": number,
            "title": said.title,
            "detail": said.detail,
            "nsfwLevel": level,
            "publishedAt": iso(said.published_at),
            "modelVersionId": version.id if version is not None and version.status == "Published" else None,
            "user": {"id": first.user_id, "username": first.username},
            "tags": [{"id": tag, "name": name} for tag, name in said.tags.items()],
            "images": _items(state, shown[:MOST_IMAGES]),
        }
    )


def _items(state: SandboxState, images: list[WorldImage]) -> list[dict[str, object]]:
    return [shown_item(state, image, {}) for image in images]
