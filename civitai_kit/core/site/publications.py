"""Articles and collections of the site: what people write, and what they gather (site.md 9.1, 9.2)."""

from typing import Annotated

from pydantic import Field

from civitai_kit.core.site.models import Preview, SiteValue, User
from civitai_kit.core.site.reading import ElseRead, Integer, Mapped, Text, Texts, Truth, an_object


class Article(SiteValue):
    """What somebody wrote; `content` (HTML) comes only with an article by its id.

    `cover_image` is None where it may not be shown, `nsfw_level` the bits of all that is in it.
    """

    id: Integer = None
    title: Text = None
    content: Text = None
    status: Text = None
    availability: Text = None
    nsfw_level: Integer = None
    published_at: Text = None
    created_at: Text = None
    updated_at: Text = None
    stats: Mapped = Field(default_factory=dict)
    user: Annotated[User | None, ElseRead(an_object)] = None
    tags: Texts = ()
    cover_image: Annotated[Preview | None, ElseRead(an_object)] = None


class Collection(SiteValue):
    """The description of what somebody gathered; the site's API does not list the items themselves.

    `type` is what it holds (Model, Image, Post, Article …), None for anything; `mode` is Contest, Bookmark or None.
    `item_count` comes with a listing, `mode`, `cover_image` and `tags` with a collection by its id.
    """

    id: Integer = None
    name: Text = None
    description: Text = None
    type: Text = None
    mode: Text = None
    read: Text = None
    is_public: Truth = None
    nsfw_level: Integer = None
    item_count: Integer = None
    cover_image_url: Text = None
    cover_image: Annotated[Preview | None, ElseRead(an_object)] = None
    user: Annotated[User | None, ElseRead(an_object)] = None
    tags: Texts = ()
