"""Where an image goes: the folders of a search sorted by model, or one folder a creator; never too long a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from civitai_kit.core.collection.entry import ImageKind, Quality
from civitai_kit.core.images.targets import Target
from civitai_kit.core.images.template import ImageTemplate
from civitai_kit.core.paths.safe_names import safe_name, slug
from civitai_kit.core.site.models import Image

VIDEOS, NO_METADATA, INVALID_METADATA = "videos", "no_metadata", "invalid_metadata"
# The longest thing written beside an image, and an extension with its dot.
_LONGEST_TAIL = len("_workflow.json")
_LONGEST_MODEL_NAME = 60
_SHORTEST_MODEL_NAME = 8


class Layout(StrEnum):
    """The tree of the image grabber, by what was searched; or the Go downloader's, by creator and base model."""

    SEARCH = "search"
    AUTHOR = "author"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One image to be placed: for which target, of which model among a tag's, and the `name` of what made it.

    `has_meta` says that it came with generation data.
    """

    target: Target
    image: Image
    quality: Quality
    has_meta: bool
    name: str | None = None
    model_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How images are placed; `root_length` is that of the output folder, `max_path` bounds whole paths, in characters.

    `template` wins over `layout`.
    """

    layout: Layout = Layout.SEARCH
    sort: bool = True
    root_length: int = 0
    max_path: int = 240
    template: ImageTemplate | None = None

    @property
    def names_makers(self) -> bool:
        """Whether it matters what made an image: sorted folders and the texts in them say so."""
        return self.template is not None or self.layout is Layout.SEARCH

    def stem(self, subject: Subject) -> str | None:
        """The image's path under the output folder without its extension; None where no path is short enough."""
        name = stem_name(subject.image.id or 0, subject.quality)
        for folder in self._folders(subject):
            path = f"{folder}/{name}" if folder else name
            if self.root_length + 1 + len(path) + _LONGEST_TAIL <= self.max_path:
                return path
        return None

    def _folders(self, subject: Subject) -> Iterator[str]:
        """The right folder first, then ever shorter ones."""
        if self.template is not None:
            yield from self.template.folders(subject.target, subject.image, subject.name)
        elif self.layout is Layout.AUTHOR:
            yield from _author_folders(subject.image)
        else:
            base = target_folder(subject.target, subject.model_id)
            for part in _shorter(sorted_folder(subject)) if self.sort else ():
                yield f"{base}/{part}"
            yield base


def target_folder(target: Target, model_id: int | None) -> str:
    """The folder of a search: `Username_Search/<user>`, `Model_Tag_Search/<tag>/model_<id>` …"""
    of_model = target.kind is ImageKind.TAG and model_id is not None
    return f"{target.folder}/model_{model_id}" if of_model else target.folder


def sorted_folder(subject: Subject) -> str:
    """The subfolder by what made an image; a video without a known name goes to the videos."""
    if subject.has_meta and subject.name:
        return clean_model_name(subject.name)
    if subject.image.type == "video":
        return VIDEOS
    return INVALID_METADATA if subject.has_meta else NO_METADATA


def stem_name(image_id: int, quality: Quality) -> str:
    """`<id>` of an original, `<id>_sd` of a resized picture, so that neither overwrites the other."""
    return f"{image_id}_sd" if quality is Quality.SD else f"{image_id}"


def clean_model_name(name: str) -> str:
    """A model's name as a folder, as the image grabber makes it: `My:Model` → `My_Model`, at most 60 characters."""
    decoded = name.replace("%20", " ").replace("%2B", "+").replace("%26", "&")
    legal = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", decoded)
    joined = re.sub("_+", "_", legal).strip("._ ")[:_LONGEST_MODEL_NAME].strip("._ ")
    return safe_name(joined, "_")


def _shorter(folder: str) -> Iterator[str]:
    yield folder
    for length in range(len(folder) - 1, _SHORTEST_MODEL_NAME - 1, -1):
        yield safe_name(folder[:length].strip("._ "), "_")


def _author_folders(image: Image) -> Iterator[str]:
    author, base = image.username or "", image.base_model or ""
    for limit in (180, 80, 40, 20):
        yield f"{slug(author, 'unknown_username', limit=limit)}/{slug(base, 'unknown_base_model', limit=limit)}"
