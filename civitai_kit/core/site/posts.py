"""A post of the site: what somebody published together (site.md 8.5)."""

from collections.abc import Sequence
from typing import Annotated

from civitai_kit.core.site.models import Image, SiteValue, User
from civitai_kit.core.site.reading import ElseRead, Integer, ReadWhenTouched, Text, Texts, an_object


class Post(SiteValue, frozen=True):
    """What somebody published together (site.md 8.5).

    A post of more than 100 images, and their generation data: `client.images(post_id=…, with_meta=True)`.
    """

    id: Integer = None
    """The post's number."""
    title: Text = None
    """None where it has none."""
    detail: Text = None
    """The text beside the images, HTML."""
    nsfw_level: Integer = None
    """The rating bits of all its images; see `NsfwLevel`."""
    published_at: Text = None
    """ISO 8601."""
    model_version_id: Integer = None
    """The version that the post shows, None where it is about none."""
    user: Annotated[User | None, ElseRead(an_object)] = None
    """Who posted it: id and name."""
    tags: Texts = ()
    """The names of its tags."""
    images: Annotated[Sequence[Image], ReadWhenTouched()] = ()
    """100 at most, in the uploader's order, without generation data."""
