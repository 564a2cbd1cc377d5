"""What a library keeps of one model file: the answers, hashes, header and previews in its folder, as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.library.model_file import LibraryFile


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPreview:
    """A picture or clip in a model's folder: its file `name`, its place `index` among the version's images.

    `said` is the site's object about it, empty where none is kept.
    """

    name: str
    index: int
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """A folder of the library; whatever is not there, or cannot be read, is None or empty.

    `file` is the store's memory of the model file, `hashes` the object of `_hash.json`, `version` and `model` the
    site's answers, `header` the file's own metadata, `previews` by rising index. `owned` has the folders of the
    library that hold versions of the same model, by version id.
    """

    folder: str
    file: LibraryFile | None = None
    hashes: Mapping[str, Any] = field(default_factory=dict)
    version: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    previews: tuple[KeptPreview, ...] = ()
    owned: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
