"""Versions asked for alone, as the JSON of the version and hash endpoints (site.md 4 to 6)."""

from __future__ import annotations

from civitai_kit.sandbox.site import enums
from civitai_kit.sandbox.site.files import download_name, primary_file
from civitai_kit.sandbox.site.render import Json, download_url, iso, linked_vae, paid_access, shown_file, shown_image
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.worlds.records import WorldFile, WorldModel, WorldVersion

VERSION_IMAGES = 10
"""How many pictures a version shows when it is asked for alone."""


def version_by_id(
    state: SandboxState, model: WorldModel, version: WorldVersion, *, host: str, by_hash: bool = False
) -> Json:
    """A version asked for alone; `by_hash` gives the slightly different object of the hash endpoints."""
    shown: Json = {
        "id": version.id,
        "modelId": model.id,
        "name": version.name,
        "nsfwLevel": version.nsfw_level,
        "createdAt": iso(version.created_at),
        "updatedAt": iso(version.updated_at),
        "publishedAt": iso(version.published_at),
        "status": version.status,
        "trainedWords": list(version.trained_words),
        "trainingStatus": None,
        "trainingDetails": None,
        "baseModel": version.base_model,
        "baseModelType": version.base_model_type,
        "description": version.description,
        "uploadType": version.upload_type,
        "usageControl": version.usage_control,
        "licensingFee": None,
        "paidAccess": paid_access(version),
        "air": enums.air(version.base_model, model.type, model.id, version.id),
        "stats": {"downloadCount": version.downloads, "thumbsUpCount": version.thumbs_up},
        "model": {"name": model.name, "type": model.type, "nsfw": model.nsfw, "poi": model.poi},
        "files": _version_files(state, model, version, host, by_hash=by_hash),
        "images": _version_images(state, model, version),
    }
    if model.mode:
        shown["model"]["mode"] = model.mode
    if model.mode != "Archived":
        shown["downloadUrl"] = f"{host}/api/download/models/{version.id}"
    return shown | version.extra


def _version_files(
    state: SandboxState, model: WorldModel, version: WorldVersion, host: str, *, by_hash: bool
) -> list[Json]:
    if model.mode == "Archived":
        return []
    elected = primary_file(version.files)
    files = []
    for file in version.files:
        if file.visibility != "Public" or (by_hash and file.replaced):
            continue
        shown = shown_file(file, download_name(model, version, file, unique=state.world.unique_names))
        shown["primary"] = file is elected
        shown["downloadUrl"] = download_url(state, host, version, file, primary=file is elected, by_id=True)
        shown["metadata"] = {key: value for key, value in file.metadata.items() if key in ("format", "size", "fp")}
        if by_hash:
            shown["overrideName"] = file.override_name
        elif shown["scannedAt"]:
            shown["scannedAt"] = shown["scannedAt"].removesuffix("Z")
        files.append(shown | file.extra)
    return files if by_hash else files + linked_vae(state, version, host)


def _version_images(state: SandboxState, model: WorldModel, version: WorldVersion) -> list[Json]:
    if model.mode == "TakenDown":
        return []
    return [
        shown_image(state, image)
        | {
            "metadata": {"hash": image.blurhash, "size": 1234, "width": image.width, "height": image.height},
            "meta": image.meta,
            "availability": "Public",
        }
        for image in version.images[:VERSION_IMAGES]
    ]


def version_in_brief(state: SandboxState, known: WorldVersion, file: WorldFile) -> Json:
    """One file of a version, as `/model-versions/mini/{id}` shows it."""
    owner = state.world.models[known.model_id]
    elected = file is primary_file(known.files)
    shown: Json = {
        "air": enums.air(known.base_model, owner.type, owner.id, known.id),
        "versionName": known.name,
        "modelName": owner.name,
        "userId": owner.user.id if owner.user else -1,
        "baseModel": known.base_model,
        "availability": known.availability,
        "publishedAt": iso(known.published_at),
        "size": file.shown_size,
        "fileType": file.type,
        "fileName": file.name,
        "hashes": dict(file.shown_hashes),
        "downloadUrls": [download_url(state, state.site_url, known, file, primary=elected, by_id=True)],
        "canGenerate": known.supports_generation,
        "isFeatured": False,
        "requireAuth": known.require_auth or state.world.downloads_need_key,
        "checkPermission": known.paid is not None,
        "additionalResourceCharge": False,
        "minor": owner.minor,
        "sfwOnly": owner.sfw_only,
        "fees": [],
        "payoutEnabled": True,
    }
    if "format" in file.metadata:
        shown["format"] = file.metadata["format"]
    if known.paid is not None:
        shown["earlyAccessEndsAt"] = iso(known.paid.ends_at)
    return shown
