"""Articles and collections of the site: what people write, and what they gather (site.md 9.1, 9.2)."""

from typing import Annotated

from pydantic import Field

from civitai_kit.core.site.models import Preview, SiteValue, User
from civitai_kit.core.site.reading import ElseRead, Integer, Mapped, Text, Texts, Truth, an_object


class Article(SiteValue, frozen=True):
    """What somebody wrote (site.md 9.1)."""

    id: Integer = None
    """The article's number."""
    title: Text = None
    """Its head."""
    content: Text = None
    """The text, HTML; only with an article by its id."""
    status: Text = None
    """`Published` …"""
    availability: Text = None
    """One of `Availability`, or a newer word."""
    nsfw_level: Integer = None
    """The rating bits of all that is in it; see `NsfwLevel`."""
    published_at: Text = None
    """ISO 8601, as the two below."""
    created_at: Text = None
    """When it was begun."""
    updated_at: Text = None
    """When it was last changed."""
    stats: Mapped = Field(default_factory=dict)
    """Counters as the site names them."""
    user: Annotated[User | None, ElseRead(an_object)] = None
    """Who wrote it."""
    tags: Texts = ()
    """The names of its tags."""
    cover_image: Annotated[Preview | None, ElseRead(an_object)] = None
    """None where it may not be shown."""


class Collection(SiteValue, frozen=True):
    """The description of what somebody gathered; the site's API does not list the items themselves (site.md 9.2)."""

    id: Integer = None
    """The collection's number."""
    name: Text = None
    """What its owner calls it."""
    description: Text = None
    """What its owner says of it."""
    type: Text = None
    """What it holds: `"Model"`, `"Image"`, `"Post"`, `"Article"` …; None for anything."""
    mode: Text = None
    """`Contest`, `Bookmark` or None; only with a collection by its id."""
    read: Text = None
    """Who may see it: `Public` or `Unlisted`."""
    is_public: Truth = None
    """Whether everybody may."""
    nsfw_level: Integer = None
    """The rating bits of what is in it; see `NsfwLevel`."""
    item_count: Integer = None
    """How much is in it; only in a listing."""
    cover_image_url: Text = None
    """The address of its picture; only in a listing."""
    cover_image: Annotated[Preview | None, ElseRead(an_object)] = None
    """Its picture; only with a collection by its id."""
    user: Annotated[User | None, ElseRead(an_object)] = None
    """Whose it is."""
    tags: Texts = ()
    """The names of its tags; only with a collection by its id."""
