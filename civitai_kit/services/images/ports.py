"""What fetching images needs from site, store and disk beyond the ports that all services share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from civitai_kit.core.collection.entry import Entry, ImageRecord
from civitai_kit.core.site.models import Image, Page, Tag, User
from civitai_kit.core.site.query import ImageQuery
from civitai_kit.services.pictures import SharingFolder
from civitai_kit.services.ports import SavePath, Site


class ImageLister(Protocol):
    """Listings of images."""

    def images_of(
        self,
        query: ImageQuery,
        cursor: str | int | None = None,
        max_pages: int | None = None,
        *,
        read_ahead: bool = True,
    ) -> Iterator[Page[Image]]:
        """The pages of an image listing from `cursor` on, at most `max_pages`; it may end early in a circle.

        With `read_ahead` the next one is asked for while the last is worked on.
        """


class ImageSite(ImageLister, Site, Protocol):
    """The site's JSON, with the searches that show whether a creator or tag exists."""

    def users(self, *, query: str | None = None) -> Sequence[User]:
        """Accounts whose name holds `query`, five at most."""

    def tags(self, *, query: str | None = None) -> Iterator[Tag]:
        """The tags that begin with `query`."""


class ImageStore(Protocol):
    """The memory of images, and of versions for the names of their models."""

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""

    def note_image(self, record: ImageRecord) -> None:
        """Note, without a sync, a record that `put_images` is about to write, so that no kill loses it."""

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        """Write many image records in few transactions; gives how many."""

    def images(self, prefix: str = "") -> Iterator[ImageRecord]:
        """Image records whose key begins with `prefix`, by rising key, in constant memory."""

    def images_by_id(self, image_id: int) -> tuple[ImageRecord, ...]:
        """The records of one image, for whichever targets it was fetched."""


class ImageFolder(SavePath, SharingFolder, Protocol):
    """A folder into which images are put; every `path` is relative to it with `/`."""

    def relative(self, place: Path) -> str | None:
        """The path of a place under the root, None when it lies elsewhere."""

    def relative_to(self, root: Path, place: Path) -> str | None:
        """The path of a place relative to another folder with `/`, None when it lies elsewhere."""

    def note(self, path: str, content: bytes) -> None:
        """Write a small file beside one that is there, whole; a power cut may lose it. Raises DiskError."""

    def sync_folders(self, folders: Iterable[Path]) -> None:
        """Make the names in folders last through a power cut."""
