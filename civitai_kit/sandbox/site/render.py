"""Models as the JSON of the listing and of `/models/{id}` (site.md 2.2 and 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from civitai_kit.sandbox.site import enums
from civitai_kit.sandbox.site.files import download_name, primary_file
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.storage import urls
from civitai_kit.sandbox.worlds.records import WorldFile, WorldImage, WorldModel, WorldVersion

Json = dict[str, Any]
LIST_IMAGES = 20
"""How many pictures a version shows as part of its model."""


def iso(when: datetime | None) -> str | None:
    """A time as the site writes it, in UTC with milliseconds."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z" if when else None


def listed_model(
    state: SandboxState,
    model: WorldModel,
    versions: Iterable[WorldVersion],
    *,
    host: str,
    levels: int,
    primary_only: bool,
) -> Json:
    """A model as an item of the listing."""
    shown = [
        _listed_version(state, model, version, host=host, levels=levels, primary_only=primary_only)
        for version in versions
        if version.files
    ]
    return _model(state, model) | {"modelVersions": shown} | model.extra


def model_by_id(state: SandboxState, model: WorldModel) -> Json:
    """A model as `/models/{id}` gives it: every rating, and no empty field in its versions."""
    versions = []
    for version in visible_versions(model):
        if not version.files:
            continue
        shown = _listed_version(
            state, model, version, host=state.site_url, levels=enums.ALL_LEVELS, primary_only=False, by_id=True
        )
        shown["covered"] = shown.pop("supportsGeneration")
        shown |= {"status": version.status, "createdAt": iso(version.created_at)}
        for image in shown["images"]:
            image.pop("id", None)
        versions.append({key: value for key, value in shown.items() if value is not None and value != []})
    return _model(state, model) | {"modelVersions": versions} | model.extra


def visible_versions(model: WorldModel) -> list[WorldVersion]:
    """The published versions in the creator's order."""
    return sorted((v for v in model.versions if v.status == "Published"), key=lambda version: version.index)


def _model(state: SandboxState, model: WorldModel) -> Json:
    shown: Json = {
        "id": model.id,
        "name": model.name,
        "description": model.description,
        "allowNoCredit": model.allow_no_credit,
        "allowCommercialUse": model.allow_commercial_use,
        "allowDerivatives": model.allow_derivatives,
        "allowDifferentLicense": model.allow_different_license,
        "type": model.type,
        "minor": model.minor,
        "sfwOnly": model.sfw_only,
        "poi": model.poi,
        "nsfw": model.nsfw,
        "nsfwLevel": model.nsfw_level,
        "availability": model.availability,
        "userId": model.user.id if model.user else -1,
        "cosmetic": None,
        "supportsGeneration": model.supports_generation,
        "baseModels": sorted({version.base_model for version in visible_versions(model)}),
        "stats": _model_stats(model),
        "tags": list(model.tags),
    }
    if model.user is not None and not model.user.system:
        shown["creator"] = {"username": model.user.username, "image": model.user.image}
    if model.mode:
        shown["mode"] = model.mode
    return shown


def _model_stats(model: WorldModel) -> Json | None:
    if model.hide_stats:
        return None
    return {
        "downloadCount": model.downloads,
        "thumbsUpCount": model.thumbs_up,
        "thumbsDownCount": model.thumbs_down,
        "commentCount": model.comments,
        "tippedAmountCount": model.tipped,
    }


def _listed_version(
    state: SandboxState,
    model: WorldModel,
    version: WorldVersion,
    *,
    host: str,
    levels: int,
    primary_only: bool,
    by_id: bool = False,
) -> Json:
    shown: Json = {
        "id": version.id,
        "index": version.index,
        "name": version.name,
        "baseModel": version.base_model,
        "baseModelType": version.base_model_type,
        "publishedAt": iso(version.published_at),
        "availability": version.availability,
        "nsfwLevel": version.nsfw_level,
        "description": version.description,
        "trainedWords": list(version.trained_words),
        "vaeId": None,
        "flags": 0,
        "supportsGeneration": version.supports_generation,
        "paidAccess": paid_access(version),
        "stats": {
            "downloadCount": version.downloads,
            "thumbsUpCount": version.thumbs_up,
            "thumbsDownCount": version.thumbs_down,
        },
        "files": _listed_files(state, model, version, host, primary_only=primary_only, by_id=by_id),
        "images": _listed_images(state, model, version, levels),
    }
    if version.paid is not None and version.paid.ends_at is not None:
        shown["earlyAccessDeadline"] = iso(version.paid.ends_at)
    if model.mode != "Archived":
        shown["downloadUrl"] = f"{host}/api/download/models/{version.id}"
    return shown | version.extra


def paid_access(version: WorldVersion) -> Json | None:
    """The paid gate as the site shows it, None where there is none."""
    if version.paid is None:
        return None
    return {"permanent": version.paid.permanent, "endsAt": iso(version.paid.ends_at)}


def _listed_files(
    state: SandboxState, model: WorldModel, version: WorldVersion, host: str, *, primary_only: bool, by_id: bool
) -> list[Json]:
    if model.mode == "Archived":
        return []
    elected = primary_file(version.files)
    files = []
    for file in version.files:
        if file.visibility != "Public" or file.replaced or (primary_only and file is not elected):
            continue
        url = download_url(state, host, version, file, primary=file is elected, by_id=by_id)
        name = download_name(model, version, file, unique=state.world.unique_names)
        shown = shown_file(file, name) | {"downloadUrl": url}
        shown["overrideName"] = file.override_name
        if file is elected:
            shown["primary"] = True
        files.append(shown | file.extra)
    return files + linked_vae(state, version, host)


def shown_file(file: WorldFile, name: str) -> Json:
    """What every endpoint shows of a file."""
    return {
        "id": file.id,
        "sizeKB": file.shown_size,
        "name": name,
        "type": file.type,
        "pickleScanResult": file.pickle_scan,
        "pickleScanMessage": file.pickle_message,
        "virusScanResult": file.virus_scan,
        "virusScanMessage": file.virus_message,
        "scannedAt": iso(file.scanned_at),
        "metadata": dict(file.metadata),
        "hashes": dict(file.shown_hashes),
    }


def linked_vae(state: SandboxState, version: WorldVersion, host: str) -> list[Json]:
    """A file of another version, shown here with its own id (site.md 7.3)."""
    known = state.world.file(version.linked_vae) if version.linked_vae else None
    if known is None:
        return []
    query = urlencode({"type": "VAE", **_url_metadata(known[1])}, quote_via=quote)
    url = f"{host}/api/download/models/{version.id}?{query}"
    return [shown_file(known[1], known[1].name) | {"type": "VAE", "overrideName": None, "downloadUrl": url}]


def download_url(
    state: SandboxState, host: str, version: WorldVersion, file: WorldFile, *, primary: bool, by_id: bool
) -> str:
    """The printed URL of a file, in the old form or the one of August 2026 (site.md 7.5)."""
    url = f"{host}/api/download/models/{version.id}"
    if by_id and state.world.download_url_form == "fileId":
        return f"{url}?fileId={file.id}"
    if primary:
        return url
    return f"{url}?{urlencode({'type': file.type, **_url_metadata(file)}, quote_via=quote)}"


def _url_metadata(file: WorldFile) -> dict[str, str]:
    keys = ("size", "fp", "quantType") if file.type == "Training Data" else ("format", "size", "fp", "quantType")
    return {key: file.metadata[key] for key in keys if key in file.metadata}


def _listed_images(state: SandboxState, model: WorldModel, version: WorldVersion, levels: int) -> list[Json]:
    if model.mode == "TakenDown":
        return []
    fitting = [image for image in version.images if image.nsfw_level & levels]
    return [{"id": image.id} | shown_image(state, image) for image in fitting[:LIST_IMAGES]]


def shown_image(state: SandboxState, image: WorldImage) -> Json:
    """What every endpoint shows of a picture."""
    return {
        "url": urls.delivery_url(state.storage_url, image, name=str(image.id)),
        "nsfwLevel": image.nsfw_level,
        "width": image.width,
        "height": image.height,
        "hash": image.blurhash,
        "type": image.type,
        "minor": image.minor,
        "poi": image.poi,
        "hasMeta": image.meta is not None,
        "hasPositivePrompt": bool(image.meta and image.meta.get("prompt")),
        "onSite": False,
        "remixOfId": None,
    } | image.extra
