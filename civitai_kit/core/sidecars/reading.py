"""What a sidecar of another program says of a model file, whichever program wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from civitai_kit.core.sidecars.about import About, text
from civitai_kit.core.sidecars.merging import Format


def about_from(form: Format, held: Mapping[str, Any], path: str, sha256: str | None) -> About | None:
    """What a sidecar says of the file at `path`; None where it says nothing, or is of other bytes.

    `sha256` is the file's, where it is known: a sidecar that promises another is of another file.
    """
    found = _READERS[form.name](held, sha256)
    if found is None:
        return None
    version, model, extra = found
    said = {digest for digest in (_digest(extra.get("sha256")), *_sha256s(version)) if digest}
    if sha256 is not None and said and sha256 not in said:
        return None
    return About(
        path=path,
        sha256=sha256 or _digest(extra.get("sha256")),
        blake3=_digest(extra.get("blake3")),
        crc32=text(extra.get("crc32")).lower() or None,
        version=version,
        model=model,
        words=tuple(extra.get("words") or ()),
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
    if held.get("skeleton_file") or not isinstance(held.get("id"), int):
        return None
    owner = held.get("model")
    return dict(held), dict(owner) if isinstance(owner, dict) else {}, {}


def _of_a1111(held: Mapping[str, Any], sha256: str | None) -> _Said | None:
    """The keys of A1111 and those that browsers add; or a whole answer of the site, as SD.Next and we put there."""
    if isinstance(held.get("modelVersions"), list) or isinstance(held.get("files"), list):
        return _of_civitai_info(held, sha256)
    words = [word.strip() for word in text(held.get("activation text")).split(",") if word.strip()]
    version = {"id": held.get("modelVersionId"), "modelId": held.get("modelId")}
    known = {name: value for name, value in version.items() if isinstance(value, int)}
    if not known and not words and not text(held.get("description")):
        return None
    described = {**known, **({"trainedWords": words} if words else {})}
    return described, {}, {"sha256": held.get("sha256"), "words": words}


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
    return (version, model, {"sha256": held.get("sha256")}) if version or model else None


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
    model |= {"description": held["modelspec.description"]} if text(held.get("modelspec.description")) else {}
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
    files = version.get("files")
    for file in files if isinstance(files, list) else ():
        hashes = file.get("hashes") if isinstance(file, dict) else None
        digest = _digest(hashes.get("SHA256")) if isinstance(hashes, dict) else None
        if digest:
            yield digest


def _digest(value: object) -> str | None:
    found = text(value).strip().lower()
    return found if len(found) == 64 and all(digit in "0123456789abcdef" for digit in found) else None
