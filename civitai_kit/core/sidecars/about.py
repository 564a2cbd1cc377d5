"""What is known of a model file, from whatever said it: the one value that every sidecar is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from civitai_kit.core.site.models import ModelFile, ModelVersion

_AUTO_V3 = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What people note of a file: `weight` is the strength they use it with, `negative` what is not to be seen."""

    notes: str = ""
    weight: float | None = None
    negative: str = ""


# Without slots, for the answer is read once and kept: every program's sidecar asks it ten times.
@dataclass(frozen=True, kw_only=True)
class About:
    """A model file and what is known of it; every part but the first may be missing.

    `path` is the file's (absolute where it is to stand in a sidecar), `size` in bytes, `modified` a Unix time, digests
    lower-case hex. `version` is the version's object as the site answered, `model` the model's. `preview` is the path
    of its picture. `words` are trigger words where no answer has them. `asked_at` is when the site was asked, None
    where it was not; `is_gone` that it no longer has the version. Times are ISO 8601 in UTC.
    """

    path: str
    size: int | None = None
    modified: float | None = None
    sha256: str | None = None
    blake3: str | None = None
    crc32: str | None = None
    auto_v3: str | None = None
    version: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    preview: str | None = None
    by_hand: ByHand = ByHand()
    is_gone: bool = False
    asked_at: str | None = None
    now: str = "1970-01-01T00:00:00+00:00"

    @property
    def stem(self) -> str:
        """The file's name without its last extension."""
        name = self.path.rpartition("/")[2]
        return name.rpartition(".")[0] or name

    @cached_property
    def said(self) -> ModelVersion:
        """The version's answer as a value."""
        return ModelVersion.model_validate(dict(self.version))

    @property
    def owner(self) -> Mapping[str, Any]:
        """The model's object, or what the version's answer says of it."""
        found = self.version.get("model")
        return {**(found if isinstance(found, dict) else {}), **self.model}

    @property
    def file(self) -> ModelFile | None:
        """The version's file with these bytes; its primary one where the hash is not known."""
        files = self.said.files
        same = [one for one in files if self.sha256 and one.hashes.sha256 == self.sha256]
        same = same or [one for one in files if same_tensors(one.hashes.auto_v3, self.auto_v3)]
        return next(iter(same or [one for one in files if one.primary] or files), None)

    def is_of(self, sha256: str | None) -> bool:
        """Whether a SHA256 that somebody noted is this file's, or was before a program rewrote its header.

        That leaves the tensors, AutoV3, as they were. True where nothing is known.
        """
        if not sha256 or not self.sha256 or sha256 == self.sha256:
            return True
        before = (one for one in self.said.files if one.hashes.sha256 == sha256)
        return any(same_tensors(one.hashes.auto_v3, self.auto_v3) for one in before)

    @property
    def model_id(self) -> int | None:
        """The model's id."""
        found = self.said.model_id or self.model.get("id")
        return found if isinstance(found, int) else None

    @property
    def model_name(self) -> str:
        """The model's name, else the file's."""
        return text(self.owner.get("name")) or self.stem

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """The site's trigger words, else those of the file's header."""
        said = tuple(word.strip() for word in self.said.trained_words if word.strip())
        return said or self.words

    @property
    def tags(self) -> list[str]:
        """The model's tags."""
        found = self.owner.get("tags")
        return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []

    @property
    def creator(self) -> str | None:
        """Who published it."""
        found = self.model.get("creator") or self.version.get("creator")
        name = found.get("username") if isinstance(found, dict) else None
        return name if isinstance(name, str) else None


def same_tensors(one: str | None, other: str | None) -> bool:
    """Whether two AutoV3 digests are known and equal, of which the site and LoRA Manager keep 12 digits."""
    return one is not None and other is not None and len(one) >= _AUTO_V3 and one[:_AUTO_V3] == other[:_AUTO_V3]


def text(value: object) -> str:
    """A text, empty for anything else."""
    return value if isinstance(value, str) else ""


def digest(value: object) -> str | None:
    """A SHA256 in lower case; None for anything else."""
    found = text(value).strip().lower()
    return found if len(found) == 64 and all(digit in "0123456789abcdef" for digit in found) else None


def read_object(content: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file. Raises ValueError for what is none."""
    if content is None:
        return None
    if not content.strip():
        return {}
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
