"""A local model file with everything that was found out about it: what the library keeps, adopts and shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.core.plans.digests import Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """One file of a scan; `size` in bytes.

    `header` is the metadata of a safetensors header (text → text), empty where there is none. `version` is the
    version's object and `model` the model's with all its versions, as the site answered in this run; both are None
    where it did not, and an answer of an earlier run stays in its place.
    """

    file: LibraryFile
    size: int
    digests: Digests
    header: Mapping[str, str] = field(default_factory=dict)
    version: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
