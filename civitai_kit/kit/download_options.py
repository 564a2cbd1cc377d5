"""How files are fetched, from settings."""

from __future__ import annotations

from civitai_kit.core.settings.layers import Settings
from civitai_kit.core.sidecars.formats import format_named
from civitai_kit.services.download.download import DownloadOptions


def download_options(settings: Settings) -> DownloadOptions:
    """How files are fetched, and what is saved beside them, as the settings have it."""
    return DownloadOptions(
        concurrency=settings.concurrency,
        connections=settings.connections,
        duplicates=settings.duplicates,
        allow_hash_mismatch=settings.allow_hash_mismatch,
        metadata=settings.metadata,
        sidecars=tuple(format_named(name) for name in settings.library.sidecars),
        model_info=settings.model_info or settings.model_images,
        version_images=settings.version_images,
        model_images=settings.model_images,
    )
