"""A post of the site: what somebody published together (site.md 8.5)."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import PlainValidator

from civitai_kit.core.site.models import Image, SiteValue, User
from civitai_kit.core.site.reading import ElseRead, Integer, Rows, Text, Texts, an_object, objects


def _images(value: Any) -> Sequence[Image]:
    return value if isinstance(value, Rows | tuple) else Rows(objects(value), Image)


class Post(SiteValue):
    """What somebody published together: at most 100 `images` in the uploader's order, without generation data.

    `detail` is HTML, `nsfw_level` the bits of all images.
    """

    id: Integer = None
    title: Text = None
    detail: Text = None
    nsfw_level: Integer = None
    published_at: Text = None
    model_version_id: Integer = None
    user: Annotated[User | None, ElseRead(an_object)] = None
    tags: Texts = ()
    images: Annotated[Sequence[Image], PlainValidator(_images)] = ()
