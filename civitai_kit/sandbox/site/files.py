"""Which file a download URL without `fileId` means (site.md 7.3), and the names of offered files (site.md 7.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from civitai_kit.sandbox.site.enums import MODEL_FILE_TYPES, WEIGHT_TYPES
from civitai_kit.sandbox.worlds.records import WorldFile, WorldModel, WorldVersion

WEIGHTS = {"format": 100.0, "size": 10.0, "fp": 1.0, "quantType": 0.5}
DEFAULTS = {"format": "SafeTensor", "size": "pruned", "fp": "fp16", "quantType": "Q4_K_M"}


def primary_file(files: Iterable[WorldFile], preferences: Mapping[str, str] | None = None) -> WorldFile | None:
    """The best-scoring file, the first one among equals; None when there is none."""
    wanted = DEFAULTS | dict(preferences or {})
    return max(files, key=lambda file: score(file, wanted), default=None)


def score(file: WorldFile, wanted: Mapping[str, str]) -> float:
    """How well a file fits: metadata that is absent neither helps nor harms."""
    points = 1000.0 + (1000.0 if file.type in WEIGHT_TYPES else 0.0)
    for key, weight in WEIGHTS.items():
        if key in file.metadata:
            points += weight if file.metadata[key] == wanted.get(key) else -weight
    return points


def mismatches(file: WorldFile, asked: Mapping[str, str]) -> bool:
    """Whether the file's metadata differ from what the query named (site.md 7.2, check 14)."""
    return any(file.metadata.get(key) != value for key, value in asked.items() if key in WEIGHTS)


SIGNIFICANT = 20
"""About how many characters of a title go into a name."""


def download_name(model: WorldModel, version: WorldVersion, file: WorldFile, *, unique: bool = True) -> str:
    """The name under which a file is offered; `unique` tells files apart that would share a computed one.

    Whether stored names of LORAs are made unique too is not known; here they are not.
    """
    if file.override_name or _keeps_stored_name(model, file):
        return file.override_name or file.name
    name = _computed_name(model, version, file)
    twins = [each for each in version.files if _offered_name(model, version, each) == name]
    if not unique or len(twins) < 2:
        return name
    own = _marked(name, _variant(file))
    if any(each is not file and _marked(name, _variant(each)) == own for each in twins) or own == name:
        return _marked(name, str(file.id))
    return own


def _offered_name(model: WorldModel, version: WorldVersion, file: WorldFile) -> str:
    stored = file.override_name or (file.name if _keeps_stored_name(model, file) else None)
    return stored or _computed_name(model, version, file)


def _variant(file: WorldFile) -> str:
    """What tells a file from its twins: its size, fp and quantisation, where it has them."""
    said = (file.metadata.get(key, "") for key in ("size", "fp", "quantType"))
    return "_".join(re.sub(r"[^A-Za-z0-9]+", "_", word).strip("_") for word in said if word)


def _marked(name: str, mark: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return f"{stem}_{mark}{dot}{extension}" if mark and dot else name


def _computed_name(model: WorldModel, version: WorldVersion, file: WorldFile) -> str:
    extension = file.name.rpartition(".")[2]
    model_part = title_part(model.name)
    version_part = title_part(version.name.replace(model.name, "").strip() or version.name)
    if file.type == "Training Data":
        return f"{model_part}_{version_part}_trainingData.zip"
    if model.type == "TextualInversion":
        return _embedding_name(version, file, extension)
    return f"{model_part}_{version_part}{_suffix(file)}.{extension}"


def title_part(title: str) -> str:
    """A title as one camel-cased word of letters, digits and underscores, cut at a word's end."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"['.]", "", title)).strip("_")
    words = plain.split("_")
    kept = words[:1]
    for word in words[1:]:
        if sum(map(len, kept)) + len(word) > SIGNIFICANT:
            break
        kept.append(word)
    first = kept[0].lower() if kept[0].isupper() else kept[0][:1].lower() + kept[0][1:]
    return first + "".join(word[:1].upper() + word[1:] for word in kept[1:])


def _keeps_stored_name(model: WorldModel, file: WorldFile) -> bool:
    nameless = not re.search(r"[A-Za-z0-9]", model.name)
    return model.type in ("LORA", "LoCon") or nameless or file.type not in MODEL_FILE_TYPES or file.type == "VAE"


def _embedding_name(version: WorldVersion, file: WorldFile, extension: str) -> str:
    if not version.trained_words:
        return file.name
    return f"{version.trained_words[0]}{'-neg' if file.type == 'Negative' else ''}.{extension}"


def _suffix(file: WorldFile) -> str:
    if file.type == "Text Encoder":
        return "_txt"
    return next((mark for mark in ("-inpainting", ".instruct-pix2pix") if mark in file.name), "")
