"""What is known of a kept model, whichever of its sources says it: the site's answers, the file's header, the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.collection.absence import SiteState
from civitai_kit.core.library.header_words import base_model, title, trigger_words
from civitai_kit.core.library.kept_model import KeptModel, KeptPreview
from civitai_kit.core.site.enums import FILTER_LEVELS, NsfwLevel
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion
from civitai_kit.core.site.reading import integer, mapping, text

MISSING = "Missing from Civitai"
_NO_TYPE = "Other"
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d)?")
_BITS = int(NsfwLevel.ALL | NsfwLevel.BLOCKED)
# From here on a picture is blurred until one asks to see it.
MATURE = NsfwLevel.R


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A kept model with its answers read; `site_model` and `version` are empty values where none is kept."""

    kept: KeptModel
    site_model: Model
    version: ModelVersion

    @property
    def file_name(self) -> str:
        """The model file's own name."""
        if self.kept.file is not None:
            return self.kept.file.path.rpartition("/")[2]
        return text(self.kept.hashes.get("filename")) or self.kept.folder

    @property
    def header(self) -> dict[str, str]:
        """The texts of the file's own metadata."""
        return {name: said for name, value in self.kept.header.items() if (said := text(value)) is not None}

    @property
    def name(self) -> str:
        """The model's name on the site, else the one in the header, else the file's."""
        owner = self.version.model.name if self.version.model else None
        found = (self.site_model.name, owner, title(self.header), self.file_name.rpartition(".")[0], self.file_name)
        return next(name for name in (*found, self.kept.folder) if name and name.strip())

    @property
    def type(self) -> str | None:
        """The model's type, None where nobody said."""
        return self.site_model.type or (self.version.model.type if self.version.model else None)

    @property
    def group(self) -> str:
        """Under what the index lists it: its type, or that the site does not have it."""
        return MISSING if self.is_missing else self.type or _NO_TYPE

    @property
    def is_missing(self) -> bool:
        """Whether the site does not have the model: it never knew the file, or took the model away."""
        file = self.kept.file
        if file is not None and file.site_state in (SiteState.GONE, SiteState.TAKEN_DOWN):
            return True
        return not self.kept.version and not self.kept.model

    @property
    def absence(self) -> str | None:
        """What became of the model on the site, in a few words; None while it is there."""
        file = self.kept.file
        state = file.site_state if file is not None else None
        words = {SiteState.GONE: "Removed", SiteState.ARCHIVED: "Archived", SiteState.TAKEN_DOWN: "Taken down"}
        known = next((said for name, said in words.items() if name == state), None)
        return known or ("Not on Civitai" if self.is_missing else None)

    @property
    def last_alive(self) -> str | None:
        """The day when the site last had it, for a model that it no longer has."""
        return day(self.kept.file.last_seen) if self.absence and self.kept.file is not None else None

    @property
    def base_model(self) -> str | None:
        """What it builds on."""
        return self.version.base_model or base_model(self.header)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that call it up: those on the site, else those that the header names."""
        said = (word.strip(" ,\n") for word in self.version.trained_words)
        return tuple(dict.fromkeys(word for word in said if word)) or trigger_words(self.header)

    @property
    def creator(self) -> str | None:
        """Who published it; None for deleted accounts, and where nobody said."""
        return self.site_model.creator.username if self.site_model.creator else None

    @property
    def model_id(self) -> int | None:
        """The model's id on the site."""
        said = self.kept.file.model_id if self.kept.file is not None else None
        return self.site_model.id or self.version.model_id or said

    @property
    def version_id(self) -> int | None:
        """The version's id on the site."""
        return self.version.id or (self.kept.file.version_id if self.kept.file is not None else None)

    @property
    def sha256(self) -> str | None:
        """The file's own SHA256, lower-case hex."""
        said = self.kept.file.sha256 if self.kept.file is not None else None
        is_sha256 = str(self.kept.hashes.get("hash_type", "")).upper() == "SHA256"
        return said or (text(self.kept.hashes.get("hash_value")) or "").lower() * is_sha256 or None

    @property
    def size(self) -> int | None:
        """The file's length in bytes, as it was seen, else as the site has it."""
        stamp = self.kept.file.stamp if self.kept.file is not None else None
        if stamp is not None:
            return stamp.size
        file = self.site_file
        return file.size if file is not None else None

    @property
    def site_file(self) -> ModelFile | None:
        """The site's file that this one is: of its hash or id, else the primary."""
        files, kept = self.version.files, self.kept.file
        same = (file for file in files if file.hashes.sha256 and file.hashes.sha256 == self.sha256)
        by_id = (file for file in files if kept is not None and file.id is not None and file.id == kept.file_id)
        return next(same, None) or next(by_id, None) or next((file for file in files if file.primary), None)

    @property
    def added(self) -> str | None:
        """When the file came into the library, to the second."""
        said = self.kept.file.added_at if self.kept.file is not None else None
        return iso(said) or iso(self.kept.hashes.get("timestamp"))

    @property
    def is_mature(self) -> bool:
        """Whether its creator marked the model so."""
        return bool(self.site_model.nsfw or (self.version.model and self.version.model.nsfw))

    def count(self, *names: str) -> int | None:
        """The first of the model's counters that is there, else of the version's; creators may hide them."""
        for stats in (self.site_model.stats, self.version.stats):
            found = [number for name in names if (number := integer(stats.get(name))) is not None]
            if found:
                return found[0]
        return None


def facts_of(kept: KeptModel) -> ModelFacts:
    """The facts of a kept model; a version that came within its model's answer alone is taken from there."""
    model = Model.model_validate(dict(kept.model or {}))
    version = ModelVersion.model_validate(dict(kept.version or {}))
    wanted = kept.file.version_id if kept.file is not None else None
    if not kept.version and wanted is not None:
        version = next((each for each in model.versions if each.id == wanted), version)
    return ModelFacts(kept, model, version)


def said_of(facts: ModelFacts, preview: KeptPreview) -> Mapping[str, Any]:
    """The site's object about a preview: kept beside it, else the one of its place among the version's images."""
    images = facts.version.images
    beyond = images[preview.index].raw if preview.index < len(images) else {}
    return preview.said or beyond


def level_of(said: Mapping[str, Any]) -> int:
    """A picture's rating as its highest bit; 0 where it has none. Old answers say it in words."""
    for value in (said.get("nsfwLevel"), said.get("nsfw")):
        number = integer(value)
        bits: int
        if number is not None:
            bits = number & _BITS
        elif isinstance(value, bool):
            bits = NsfwLevel.X if value else NsfwLevel.PG
        else:
            bits = FILTER_LEVELS.get(value.lower(), 0) if isinstance(value, str) else 0
        if bits:
            return 1 << (bits.bit_length() - 1)
    return 0


def iso(value: Any) -> str | None:
    """A time as `2025-11-27T19:00:00`, which sorts as text; None for what is none."""
    found = _ISO.match(value) if isinstance(value, str) else None
    return found[0] if found else None


def day(value: Any) -> str | None:
    """The day of a time: `2025-11-27`."""
    said = iso(value)
    return said[:10] if said else None


def meta_of(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """A picture's generation data, flat; empty where it has none."""
    meta = mapping(said.get("meta"))
    return mapping(meta.get("meta")) if set(meta) <= {"id", "meta"} and "meta" in meta else meta
