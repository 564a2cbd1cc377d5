"""The formats by their names: where each lies, and which of its keys people write by hand."""

from __future__ import annotations

from collections.abc import Mapping

from civitai_kit.core.errors import UsageError
from civitai_kit.core.settings.checks import did_you_mean
from civitai_kit.core.sidecars import programs
from civitai_kit.core.sidecars.merging import Format

A1111 = "a1111"
CIVITAI_INFO = ".civitai.info"

_BY_HAND_A1111 = frozenset(
    {"description", "sd version", "activation text", "preferred weight", "negative text", "notes"}
)
_BY_HAND_LM = frozenset(
    {
        *("model_name", "base_model", "notes", "tags", "favorite", "exclude", "usage_tips", "preview_url"),
        *("preview_nsfw_level", "modelDescription", "modified", "skip_metadata_refresh"),
    }
)
_BY_HAND_SM = frozenset({"UserTitle", "ThumbnailImageUrl", "InferenceDefaults", "ImportedAt"})
_SPEC = ("title", "description", "date", "author", "trigger_phrase", "tags", "usage_hint", "thumbnail")
_SWARM_KEYS = frozenset(f"modelspec.{key}" for key in _SPEC)

FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format("civitai.info", CIVITAI_INFO, programs.civitai_info, frozenset(), 4, programs.info_to_merge),
        Format(A1111, ".json", programs.a1111, _BY_HAND_A1111, 4, programs.a1111_to_merge),
        Format(
            "lora-manager",
            ".metadata.json",
            programs.lora_manager,
            _BY_HAND_LM,
            2,
            programs.lm_to_merge,
            programs.LM_DEFAULTS,
        ),
        Format(
            "stability-matrix",
            ".cm-info.json",
            programs.stability_matrix,
            _BY_HAND_SM,
            2,
            programs.sm_to_merge,
            programs.SM_DEFAULTS,
        ),
        Format("swarm", ".swarm.json", programs.swarm, _SWARM_KEYS, 4, programs.swarm_to_merge),
    )
}


def format_named(name: str) -> Format:
    """The format of a name; raises UsageError for what is none."""
    found = FORMATS.get(name.strip().lower())
    if found is None:
        near = did_you_mean(name, FORMATS)
        known = ", ".join(FORMATS)
        hint = f"Did you mean {near}?" if near else f"There are {known}."
        raise UsageError(f"{name!r} is no format of sidecars.", hint=hint)
    return found
