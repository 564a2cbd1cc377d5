"""The names under which the site offers files for download (API facts 7.4)."""

from __future__ import annotations

import re

from civitai_kit.sandbox.enums import MODEL_FILE_TYPES
from civitai_kit.sandbox.records import FileRecord, ModelRecord, VersionRecord

SIGNIFICANT = 20
"""About how many characters of a title go into a name."""


def download_name(model: ModelRecord, version: VersionRecord, file: FileRecord, *, override: bool = True) -> str:
    """The computed name of a file; `override` honours a name its creator chose."""
    if override and file.override_name:
        return file.override_name
    if _keeps_stored_name(model, file):
        return file.name
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


def _keeps_stored_name(model: ModelRecord, file: FileRecord) -> bool:
    nameless = not re.search(r"[A-Za-z0-9]", model.name)
    return model.type in ("LORA", "LoCon") or nameless or file.type not in MODEL_FILE_TYPES or file.type == "VAE"


def _embedding_name(version: VersionRecord, file: FileRecord, extension: str) -> str:
    if not version.trained_words:
        return file.name
    return f"{version.trained_words[0]}{'-neg' if file.type == 'Negative' else ''}.{extension}"


def _suffix(file: FileRecord) -> str:
    if file.type == "Text Encoder":
        return "_txt"
    return next((mark for mark in ("-inpainting", ".instruct-pix2pix") if mark in file.name), "")
