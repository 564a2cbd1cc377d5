"""What a sidecar of another program says of a model file, whichever program wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from civitai_kit.core.sidecars.about import About, ByHand, digest, same_tensors, text
from civitai_kit.core.sidecars.html_text import as_html
from civitai_kit.core.sidecars.merging import Format
from civitai_kit.core.sidecars.programs import SD_VERSIONS, is_placeholder


def about_from(
    form: Format, held: Mapping[str, Any], path: str, sha256: str | None, auto_v3: str | None = None
) -> About | None:
    """What a sidecar says of the file at `path`; None where it says nothing, or is of other bytes.

    `sha256` and `auto_v3` are the file's, where they are known: a sidecar that promises another SHA256 is of another
    file, unless it says of the tensors that they are these.
    """
    found = _READERS[form.name](held, sha256)
    if found is None:
        return None
    version, model, extra = found
    said = {one for one in (digest(extra.get("sha256")), *_sha256s(version)) if one}
    is_known = sha256 is None or not said or sha256 in said
    if not is_known and not any(same_tensors(one, auto_v3) for one in (extra.get("auto_v3"), *_auto_v3s(version))):
        return None
    return About(
        path=path,
        sha256=sha256 or digest(extra.get("sha256")),
        blake3=digest(extra.get("blake3")),
        crc32=text(extra.get("crc32")).lower() or None,
        auto_v3=auto_v3,
        version=version,
        model=model,
        words=tuple(extra.get("words") or ()),
        by_hand=extra.get("by_hand") or ByHand(),
    )


_Said = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def _of_civitai_info(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    """A version, or a whole model of which the version with these bytes is meant."""
    versions = held.get("modelVersions")
    if isinstance(versions, list):
        model = {name: value for name, value in held.items() if name != "modelVersions"}
        objects = [one for one in versions if isinstance(one, dict)]
        same = [one for one in objects if sha256 in set(_sha256s(one))]
        version = next(iter(same or (objects if len(objects) == 1 else [])), None)
        return (dict(version), model, {}) if version is not None else None
    if is_placeholder(held) or not isinstance(held.get("id"), int):
        return None
    owner = held.get("model")
    return dict(held), dict(owner) if isinstance(owner, dict) else {}, {}


def _of_a1111(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    """The keys of A1111 and those that browsers add; or a whole answer of the site, as SD.Next and we put there."""
    if isinstance(held.get("modelVersions"), list) or isinstance(held.get("files"), list):
        return _of_civitai_info(held, sha256)
    words = _words_of(text(held.get("activation text")))
    version = {"id": held.get("modelVersionId"), "modelId": held.get("modelId")}
    known: dict[str, Any] = {name: value for name, value in version.items() if isinstance(value, int)}
    base = text(held.get("sd version"))
    known |= {"trainedWords": words} if words else {}
    # The browsers of extensions put the base model there as the site names it.
    known |= {"baseModel": base} if base and base not in SD_VERSIONS else {}
    described = text(held.get("description")).strip()
    weight = _weight(held.get("preferred weight"))
    by_hand = ByHand(notes=text(held.get("notes")), weight=weight, negative=text(held.get("negative text")))
    if not known and not described and by_hand == ByHand():
        return None
    model = {"description": as_html(described)} if described else {}
    return known, model, {"sha256": held.get("sha256"), "words": words, "by_hand": by_hand}


def _words_of(activation: str) -> list[str]:
    """Trigger words; Civitai Helper puts `||` between groups of them."""
    parts = activation.split("||" if "||" in activation else ",")
    return [part.strip(" ,\n\t") for part in parts if part.strip(" ,\n\t")]


def _weight(value: object) -> float | None:
    """A strength that somebody chose; 0 is none, and so is what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value or None


def _of_lora_manager(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    answer = held.get("civitai")
    version = dict(answer) if isinstance(answer, dict) else {}
    owner = version.get("model")
    model: dict[str, Any] = dict(owner) if isinstance(owner, dict) else {}
    for name, key in (("name", "model_name"), ("description", "modelDescription"), ("tags", "tags")):
        if held.get(key):
            model.setdefault(name, held[key])
    if isinstance(version.get("creator"), dict):
        model.setdefault("creator", version["creator"])
    if text(held.get("base_model")) not in ("", "Unknown"):
        version.setdefault("baseModel", held["base_model"])
    by_hand = ByHand(notes=text(held.get("notes")), weight=_strength_in(text(held.get("usage_tips"))))
    extra = {"sha256": held.get("sha256"), "by_hand": by_hand, "auto_v3": text(held.get("autov3")).lower()}
    return (version, model, extra) if version or model or by_hand != ByHand() else None


def _strength_in(tips: str) -> float | None:
    """The strength in LoRA Manager's usage tips, which are JSON in a text."""
    try:
        found = json.loads(tips or "{}")
    except (ValueError, RecursionError):
        return None
    return _weight(found.get("strength")) if isinstance(found, dict) else None


def _of_stability_matrix(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    hashes = held.get("Hashes")
    digests = hashes if isinstance(hashes, dict) else {}
    version = _present(
        held,
        id="VersionId",
        modelId="ModelId",
        name="VersionName",
        description="VersionDescription",
        baseModel="BaseModel",
        trainedWords="TrainedWords",
        stats="Stats",
    )
    model = _present(
        held, id="ModelId", name="ModelName", description="ModelDescription", nsfw="Nsfw", tags="Tags", type="ModelType"
    )
    if text(held.get("AuthorUsername")):
        model["creator"] = {"username": held["AuthorUsername"]}
    extra = {"sha256": digests.get("SHA256"), "blake3": digests.get("BLAKE3"), "crc32": digests.get("CRC32")}
    return (version, model, extra) if version or model else None


def _of_swarm(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    words = [word.strip() for word in text(held.get("modelspec.trigger_phrase")).split(";") if word.strip()]
    title, base = text(held.get("modelspec.title")), text(held.get("modelspec.usage_hint"))
    if not (words or title or base):
        return None
    tags = [tag.strip() for tag in text(held.get("modelspec.tags")).split(",") if tag.strip()]
    author = text(held.get("modelspec.author"))
    version = {**({"baseModel": base} if base else {}), **({"trainedWords": words} if words else {})}
    model: dict[str, Any] = {"name": title} if title else {}
    described = text(held.get("modelspec.description"))
    model |= {"description": as_html(described)} if described else {}
    model |= {"tags": tags} if tags else {}
    model |= {"creator": {"username": author}} if author else {}
    return version, model, {"words": words}


_READERS = {
    "civitai.info": _of_civitai_info,
    "a1111": _of_a1111,
    "lora-manager": _of_lora_manager,
    "stability-matrix": _of_stability_matrix,
    "swarm": _of_swarm,
}


def _present(held: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {ours: held[theirs] for ours, theirs in names.items() if held.get(theirs) not in (None, "", [])}


def _sha256s(version: Mapping[str, Any]) -> Iterator[str]:
    yield from (found for hashes in _hashes(version) if (found := digest(hashes.get("SHA256"))))


def _auto_v3s(version: Mapping[str, Any]) -> Iterator[str]:
    yield from (text(hashes.get("AutoV3")).lower() for hashes in _hashes(version))


def _hashes(version: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    files = version.get("files")
    found = (file.get("hashes") for file in (files if isinstance(files, list) else ()) if isinstance(file, dict))
    yield from (hashes for hashes in found if isinstance(hashes, dict))
