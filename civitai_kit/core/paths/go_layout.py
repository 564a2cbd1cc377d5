"""Where the Go downloader puts model files: its layouts in our placeholders, their values in its spelling."""

from __future__ import annotations

import re

from civitai_kit.core.paths.template import Template

# What it puts after the folders, whatever layout they have.
GO_FILE = "{version_id}_{file_name}"
# Placeholders that it calls otherwise, and shows where a value comes to nothing.
GO_PLACEHOLDERS = {
    "modelId": "model_id",
    "modelName": "model_name",
    "modelType": "type",
    "creatorName": "creator",
    "username": "creator",
    "versionId": "version_id",
    "versionName": "version_name",
    "baseModel": "base_model",
}
_GO_NAMES = {ours: go for go, ours in reversed(GO_PLACEHOLDERS.items())}
# Its default, what its example file sets, and its layout of August 2025.
_FOLDERS = (
    "{type}/{model_name}/{base_model}/{version_id}-{version_name}",
    "{type}/{base_model}/{model_id}-{model_name}/{version_id}-{version_name}",
    "{type}/{base_model}/{model_name}/{model_id}-{file_slug}/{version_name}",
)
_NOT_KEPT = re.compile(r"[^0-9a-z._-]")


def go_templates(own: Template) -> tuple[Template, ...]:
    """The templates by which its files may lie; `own` is the one in use, which may have come from its settings."""
    texts = dict.fromkeys(f"{folders}/{GO_FILE}" for folders in _FOLDERS)
    if own.text.endswith(f"/{GO_FILE}"):
        texts = {own.text: None, **texts}
    return tuple(Template(text, go_spelling) for text in texts)


def template_of_pattern(pattern: str) -> str | None:
    """Its pattern of folders as the text of a path template, None for an empty one.

    A placeholder that is none of its own stays, to be refused.
    """

    def ours(found: re.Match[str]) -> str:
        # A doubled brace, which it does not take either, would be a plain one here.
        return f"{{{GO_PLACEHOLDERS.get(found[1], found[1].lstrip('{'))}}}"

    folders = [part for part in pattern.strip().split("/") if part not in ("", ".")]
    return re.sub(r"\{([^}]+)\}", ours, "/".join([*folders, GO_FILE])) if folders else None


def go_spelling(field: str, value: str, limit: int) -> str:
    """A value as it writes it: lower case, blanks `_`, colons `-`, of all letters and digits only ASCII ones kept."""
    kept = _NOT_KEPT.sub("", value.replace(" ", "_").replace(":", "-").lower())
    joined = re.sub("__+", "_", re.sub("--+", "-", kept)).replace("-_", "-").replace("_-", "-")
    return joined.strip("_-")[:limit] or f"empty_{_GO_NAMES.get(field, field)}"
