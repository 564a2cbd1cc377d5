"""A model as the index has it: what its card shows, and what it is searched, sorted and filtered by."""

from __future__ import annotations

from typing import Any

from civitai_kit.core.library.kept_model import KeptPreview
from civitai_kit.core.paths.media_endings import CLIPS
from civitai_kit.pages.facts import MATURE, ModelFacts, level_of, said_of

_MOST_TAGS = 60


def card_of(facts: ModelFacts) -> dict[str, Any]:
    """The card, as JSON; what is not known is left out. `cover` is a file in the model's folder."""
    cover = facts.kept.previews[0] if facts.kept.previews else None
    card = {
        "folder": facts.kept.folder,
        "name": facts.name,
        "version": facts.version.name,
        "group": facts.group,
        "type": facts.type,
        "base": facts.base_model,
        "creator": facts.creator,
        "file": facts.file_name,
        "tags": [*facts.site_model.tags[:_MOST_TAGS]],
        "words": [*facts.words[:_MOST_TAGS]],
        "downloads": facts.count("downloadCount"),
        "likes": facts.count("thumbsUpCount", "favoriteCount", "ratingCount"),
        "size": facts.size,
        "added": facts.added,
        "level": rating(facts, cover),
        "cover": cover.name if cover else None,
        "moving": bool(cover and is_clip(cover.name)),
        "absence": facts.absence,
        "alive": facts.last_alive,
    }
    return {key: value for key, value in card.items() if value not in (None, "", [], False)}


def rating(facts: ModelFacts, cover: KeptPreview | None) -> int:
    """The rating of a card: that of its cover, and at least R where the creator marked the model as mature."""
    shown = level_of(said_of(facts, cover)) if cover else 0
    known = shown or _lowest(facts.site_model.nsfw_level or facts.version.nsfw_level or 0)
    return max(known, MATURE) if facts.is_mature else known


def is_clip(name: str) -> bool:
    """Whether a file is shown by a player."""
    return name.lower().endswith(CLIPS)


def _lowest(bits: int) -> int:
    return bits & -bits if bits > 0 else 0
