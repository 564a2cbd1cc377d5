"""Which listings a target has: one for a creator, version, post or image, one or many for a model, many for a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from civitai_kit.core.collection.entry import ImageKind
from civitai_kit.core.errors import CivitaiKitError, NotFound, SiteError, Unavailable
from civitai_kit.core.images.report import TargetStatus
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target
from civitai_kit.core.site.enums import ImageSort, ModelSort, NsfwLevel
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.query import ImageQuery, ModelQuery
from civitai_kit.services.images.ports import ImageSite
from civitai_kit.services.images.reading import ImageListing, ListingPage, ListingReader

# A version-by-version search of a creator ends after so many versions without anything new.
_MOST_BARREN_VERSIONS = 50
# The site gives at most so many accounts for part of a name (site.md 9).
_USERS_AT_MOST = 5
# Orders in time; the site's older path knows no others (site.md 8.1).
_IN_TIME = (ImageSort.NEWEST, ImageSort.OLDEST)
_OTHER_ORDERS = (ImageSort.MOST_REACTIONS, ImageSort.MOST_COMMENTS, ImageSort.MOST_COLLECTED)


@dataclass(slots=True)
class TargetListings:
    """One target being listed; `refusal` says that there is no such thing."""

    site: ImageSite
    target: Target
    request: ImagesRequest
    reader: ListingReader
    refusal: tuple[TargetStatus, CivitaiKitError] | None = None

    def pages(self) -> Iterator[ListingPage]:
        """The pages one after another; a page that fails for good is noted, and the other listings follow."""
        match self.target.kind:
            case ImageKind.USERNAME:
                yield from self._of_creator(self.target.value)
            case ImageKind.MODEL:
                yield from self._of_model(self.target.number)
            case ImageKind.TAG:
                yield from self._of_tag()
            case ImageKind.MODEL_VERSION:
                yield from self._of_version(self.target.number)
            case ImageKind.POST:
                yield from self._of_page(self.request.query(post_id=self.target.number))
            case ImageKind.IMAGE:
                yield from self._of_page(self.request.query(image_id=self.target.number))

    @property
    def error(self) -> CivitaiKitError | None:
        """Why it failed or is incomplete, None when it did neither."""
        if self.refusal is not None:
            return self.refusal[1]
        return next(iter(self.reader.errors.values()), None)

    def status(self, *, stopped: bool, limited: bool) -> TargetStatus:
        """Where the target stands; `stopped` and `limited` say that its pages were not read to their end."""
        reader = self.reader
        if self.refusal is not None:
            return self.refusal[0]
        if reader.errors and not reader.pages_read and not reader.is_resumed:
            return TargetStatus.NOT_FOUND if isinstance(self.error, NotFound) else TargetStatus.FAILED
        if reader.errors or stopped:
            return TargetStatus.INCOMPLETE
        if limited or reader.is_cut:
            return TargetStatus.LIMIT_REACHED
        return TargetStatus.EMPTY if reader.found_nothing else TargetStatus.COMPLETED

    # -- one listing ------------------------------------------------------------------------------------------

    def _of_creator(self, name: str) -> Iterator[ListingPage]:
        feed = ImageListing(name="feed", query=self.request.query(username=name))
        yield from self.reader.pages(feed)
        if self.reader.found_nothing and not self._knows_user(name):
            self._refuse(TargetStatus.NOT_FOUND, NotFound(f"The site knows no user {name}.", endpoint="/api/v1/images"))
        elif self.request.deep_scan and (self.reader.seen or self.reader.is_resumed):
            yield from self._deeper(name)

    def _knows_user(self, name: str) -> bool:
        """Whether the user exists; the feed only says that there are no images (site.md 8.1)."""
        try:
            found = self.site.users(query=name)
        except SiteError:
            return True
        return len(found) >= _USERS_AT_MOST or name.casefold() in {(user.username or "").casefold() for user in found}

    def _of_version(self, number: int) -> Iterator[ListingPage]:
        query = self.request.query(model_version_id=number)
        yield from self.reader.pages(ImageListing(name="version", query=query, version_id=number))
        if self.reader.found_nothing:
            self._ask(lambda: self.site.version(number))

    def _of_page(self, query: ImageQuery) -> Iterator[ListingPage]:
        yield from self.reader.pages(ImageListing(name="page", query=query))
        if self.reader.found_nothing and not self.request.narrows:
            gone = NotFound(f"The site has nothing to show of {self.target}.", endpoint="/api/v1/images")
            self._refuse(TargetStatus.NOT_FOUND, gone)

    # -- many listings ----------------------------------------------------------------------------------------

    def _of_model(self, number: int) -> Iterator[ListingPage]:
        """By the model's id; version by version when that breaks off, may be incomplete, or has not the order."""
        whole = ImageListing(name="model", query=self.request.query(model_id=number), model_id=number)
        if self.request.sort in (*_IN_TIME, ImageSort.RANDOM):
            yield from self.reader.pages(whole)
            if self.reader.is_cut or not self._is_in_doubt:
                return
        model = self._ask(lambda: self.site.model(number))
        if model is not None:
            yield from self._of_versions(model)
            if not self.reader.errors.keys() - {whole.name}:
                self.reader.forgive(whole.name)
        elif self.reader.seen and not self.reader.errors:
            doubt = "The site's listing ended in a blank page, as when it runs out of time."
            self.reader.break_off(whole.name, Unavailable(doubt, endpoint="/api/v1/images"))

    @property
    def _is_in_doubt(self) -> bool:
        """Whether the listing broke off, or ended in a blank page as when the site runs out of time (site.md 8.1)."""
        last = self.reader.pages_read[-1] if self.reader.pages_read else None
        return bool(self.reader.errors) or last is None or (last.is_last and last.is_blank)

    def _of_versions(self, model: Model) -> Iterator[ListingPage]:
        for version in model.versions:
            if version.id is not None:
                query = self.request.query(model_version_id=version.id)
                name = f"version {version.id}"
                listing = ImageListing(name=name, query=query, model_id=model.id, version_id=version.id)
                yield from self.reader.pages(listing)

    def _of_tag(self) -> Iterator[ListingPage]:
        """The versions of every model with the tag. When the first page has no such model, the tag does not exist."""
        safe_only = self.request.levels is not None and not self.request.levels & ~NsfwLevel.PG
        try:
            known = self._spelled_tag()
            tag = known or self.target.value
            for page in self.site.models_of(ModelQuery(tag=tag, sort=ModelSort.NEWEST, nsfw=not safe_only)):
                carriers = [model for model in page.items if _carries(model, tag)]
                if page.items and not carriers and not self.reader.pages_read:
                    # For an unknown tag the site lists all models (site.md 2.1).
                    known = None
                    break
                known = tag if carriers else known
                for model in carriers:
                    yield from self._of_versions(model)
                if self.reader.is_cut:
                    break
        except SiteError as error:
            self.reader.break_off("models", error)
            return
        if known is None and not self.reader.pages_read:
            self._refuse(TargetStatus.INVALID_TAG, _no_such_tag(self.target.value))

    def _spelled_tag(self) -> str | None:
        """The tag as the site spells it, also when typed with `_` for blanks; None where `/tags` does not know it."""
        typed = self.target.value
        for spelling in dict.fromkeys((typed, " ".join(typed.replace("_", " ").split()))):
            for tag in self.site.tags(query=spelling):
                if tag.name is not None and tag.name.casefold() == spelling.casefold():
                    return tag.name
        return None

    # -- beyond the end of a feed -----------------------------------------------------------------------------

    def _deeper(self, name: str) -> Iterator[ListingPage]:
        """The feed from both ends of time until they meet; when they do not, in other orders and version by version."""
        met = False
        for order in _IN_TIME:
            if order is not self.request.sort:
                for page in self.reader.pages(self._feed_in(order, name), _is_known):
                    yield page
                    met = _is_known(page)
        if met and self.request.sort in _IN_TIME:
            self.reader.forgive("feed")
            return
        for order in _OTHER_ORDERS:
            if order is not self.request.sort:
                yield from self.reader.pages(self._feed_in(order, name))
        yield from self._by_versions(name)

    def _feed_in(self, order: ImageSort, name: str) -> ImageListing:
        return ImageListing(name=f"feed, {order}", query=self.request.query(order, username=name))

    def _by_versions(self, name: str) -> Iterator[ListingPage]:
        barren = 0
        for version_id, _ in self.reader.versions.most_common():
            before = len(self.reader.seen)
            query = self.request.query(username=name, model_version_id=version_id)
            yield from self.reader.pages(ImageListing(name=f"version {version_id}", query=query))
            barren = 0 if len(self.reader.seen) > before else barren + 1
            if barren >= _MOST_BARREN_VERSIONS:
                return

    # -- what goes wrong --------------------------------------------------------------------------------------

    def _ask(self, ask: Callable[[], Model | object]) -> Model | None:
        """The model that the site gives. When there is none and no image was found, the target does not exist."""
        try:
            found = ask()
        except NotFound as error:
            if self.reader.found_nothing:
                self._refuse(TargetStatus.NOT_FOUND, error)
            return None
        except SiteError as error:
            self.reader.break_off("versions", error)
            return None
        return found if isinstance(found, Model) else None

    def _refuse(self, status: TargetStatus, error: CivitaiKitError) -> None:
        self.refusal = (status, error)


def _is_known(page: ListingPage) -> bool:
    return not page.unknown and not page.is_blank


def _carries(model: Model, tag: str) -> bool:
    return tag.casefold() in (own.casefold() for own in model.tags)


def _no_such_tag(tag: str) -> NotFound:
    return NotFound(
        f"The site has no tag {tag!r}.",
        endpoint="/api/v1/tags",
        hint="`civitai-kit tags TEXT` lists the site's tags that begin with a text.",
    )
