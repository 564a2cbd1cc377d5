"""Settings: what may be set and what it may hold; layers of settings and their merge, with where each value is from."""

# Annotations are not postponed here: pydantic would compile a hundred of them at every start.
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError

from civitai_kit.core.errors import Code, SettingsError
from civitai_kit.core.overlong import cut_in_the_middle
from civitai_kit.core.settings import checks
from civitai_kit.core.settings.checks import ValueRefused, did_you_mean
from civitai_kit.core.settings.keys import KEYS, SECRETS, TABLES, default
from civitai_kit.core.site.enums import ImageSort, ModelSort, Period
from civitai_kit.core.url_keys import without_keys

MOST_CONCURRENCY = 64

Text = Annotated[str, BeforeValidator(checks.text)]
Names = Annotated[tuple[str, ...], BeforeValidator(checks.names)]
YesNo = Annotated[bool, BeforeValidator(checks.yes_or_no)]
Count = Annotated[int, BeforeValidator(checks.whole(0))]
Workers = Annotated[int, BeforeValidator(checks.whole(1, MOST_CONCURRENCY))]
Bytes = Annotated[int, BeforeValidator(checks.amount)]
Secret = Annotated[SecretStr, BeforeValidator(checks.secret)]
Spelled = BeforeValidator(checks.one_of(*(str(one) for one in Period)))


class _Table(BaseModel):
    """What all tables of settings have in common: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, protected_namespaces=())


class ImagesSettings(_Table):
    """The table `[images]`."""

    output_dir: Text = default("images.output_dir")
    layout: Annotated[str, BeforeValidator(checks.one_of("search", "author"))] = default("images.layout")
    quality: Annotated[str, BeforeValidator(checks.one_of("hd", "sd"))] = default("images.quality")
    media: Annotated[str, BeforeValidator(checks.one_of("all", "images", "videos"))] = default("images.media")
    sort: Annotated[str, BeforeValidator(checks.one_of(*(str(one) for one in ImageSort)))] = default("images.sort")
    period: Annotated[str, Spelled] = default("images.period")
    nsfw: Annotated[str, BeforeValidator(checks.levels)] = default("images.nsfw")
    browsing_level: Annotated[int, BeforeValidator(checks.whole(0, 31))] = default("images.browsing_level")
    limit: Count = default("images.limit")
    page_size: Annotated[int, BeforeValidator(checks.whole(1, 200))] = default("images.page_size")
    max_pages: Count = default("images.max_pages")
    max_per_model: Count = default("images.max_per_model")
    max_path: Annotated[int, BeforeValidator(checks.whole(40))] = default("images.max_path")
    concurrency: Workers = default("images.concurrency")
    metadata: YesNo = default("images.metadata")
    no_sort: YesNo = default("images.no_sort")
    filter_tags: Names = default("images.filter_tags")
    prompt_check: YesNo = default("images.prompt_check")
    redownload: YesNo = default("images.redownload")
    deep_scan: YesNo = default("images.deep_scan")


class TorrentSettings(_Table):
    """The table `[torrent]`."""

    announce: Names = default("torrent.announce")
    output_dir: Text = default("torrent.output_dir")
    overwrite: YesNo = default("torrent.overwrite")
    concurrency: Workers = default("torrent.concurrency")
    magnet_links: YesNo = default("torrent.magnet_links")
    web_seeds: Names = default("torrent.web_seeds")
    private: YesNo = default("torrent.private")
    source: Text = default("torrent.source")
    piece_size: Bytes = default("torrent.piece_size")


class LibrarySettings(_Table):
    """The table `[library]`."""

    output_dir: Text = default("library.output_dir")
    images: Annotated[str, BeforeValidator(checks.one_of("first", "all", "none"))] = default("library.images")
    only_new: YesNo = default("library.only_new")
    skip_missing: YesNo = default("library.skip_missing")
    only_update: YesNo = default("library.only_update")
    sidecars: Names = default("library.sidecars")


class CatalogSettings(_Table):
    """The table `[catalog]`."""

    catalog_dir: Text = default("catalog.catalog_dir")
    models_dir: Text = default("catalog.models_dir")
    routes: Annotated[tuple[str, ...], BeforeValidator(checks.routes)] = default("catalog.routes")


class ServeSettings(_Table):
    """The table `[serve]`."""

    host: Text = default("serve.host")
    port: Annotated[int, BeforeValidator(checks.whole(0, 65535))] = default("serve.port")
    token: Secret = default("serve.token")
    allow_origins: Annotated[tuple[str, ...], BeforeValidator(checks.origins)] = default("serve.allow_origins")


class Settings(_Table):
    """Everything that can be set, valid and with defaults filled in. Sizes and rates in bytes, 0 for no bound."""

    api_key: Secret = default("api_key")
    api_url: Annotated[str, BeforeValidator(checks.site_root)] = default("api_url")
    api_delay_ms: Count = default("api_delay_ms")
    api_client_timeout_sec: Annotated[int, BeforeValidator(checks.whole(1, 86400))] = default("api_client_timeout_sec")
    max_retries: Annotated[int, BeforeValidator(checks.whole(0, 100))] = default("max_retries")
    retry_delay_ms: Count = default("retry_delay_ms")
    log_level: Annotated[
        str, BeforeValidator(checks.one_of("debug", "info", "warning", "error", other={"warn": "warning"}))
    ] = default("log_level")
    log_file: Text = default("log_file")
    log_format: Annotated[str, BeforeValidator(checks.one_of("text", "json"))] = default("log_format")
    log_api_requests: YesNo = default("log_api_requests")
    save_path: Annotated[str, BeforeValidator(checks.folder)] = default("save_path")
    database_path: Text = default("database_path")
    path_template: Annotated[str, BeforeValidator(checks.path_template)] = default("path_template")
    query: Text = default("query")
    tags: Names = default("tags")
    usernames: Names = default("usernames")
    model_types: Names = default("model_types")
    base_models: Names = default("base_models")
    nsfw: YesNo = default("nsfw")
    sort: Annotated[str, BeforeValidator(checks.one_of(*(str(one) for one in ModelSort)))] = default("sort")
    period: Annotated[str, Spelled] = default("period")
    limit: Count = default("limit")
    top: Count = default("top")
    page_size: Annotated[int, BeforeValidator(checks.whole(1, 100))] = default("page_size")
    max_pages: Count = default("max_pages")
    model_id: Count = default("model_id")
    model_version_id: Count = default("model_version_id")
    all_versions: YesNo = default("all_versions")
    primary_only: YesNo = default("primary_only")
    pruned: YesNo = default("pruned")
    fp16: YesNo = default("fp16")
    formats: Names = default("formats")
    file_types: Names = default("file_types")
    min_size: Bytes = default("min_size")
    max_size: Bytes = default("max_size")
    ignore_base_models: Names = default("ignore_base_models")
    ignore_file_name_strings: Names = default("ignore_file_name_strings")
    ignore_tags: Names = default("ignore_tags")
    creator_exclude: Names = default("creator_exclude")
    early_access: YesNo = default("early_access")
    allow_unsafe: YesNo = default("allow_unsafe")
    concurrency: Workers = default("concurrency")
    connections: Annotated[int, BeforeValidator(checks.whole(1, 16))] = default("connections")
    limit_rate: Bytes = default("limit_rate")
    duplicates: Annotated[str, BeforeValidator(checks.one_of("link", "copy", "fetch"))] = default("duplicates")
    allow_hash_mismatch: YesNo = default("allow_hash_mismatch")
    skip_confirmation: YesNo = default("skip_confirmation")
    metadata: YesNo = default("metadata")
    meta_only: YesNo = default("meta_only")
    model_info: YesNo = default("model_info")
    version_images: YesNo = default("version_images")
    model_images: YesNo = default("model_images")
    images: ImagesSettings = ImagesSettings()
    torrent: TorrentSettings = TorrentSettings()
    library: LibrarySettings = LibrarySettings()
    catalog: CatalogSettings = CatalogSettings()
    serve: ServeSettings = ServeSettings()

    def value(self, name: str) -> Any:
        """The value of a key by its dotted name."""
        table, _, key = name.rpartition(".")
        return getattr(getattr(self, table) if table else self, key)


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: dotted key → raw value; `origins` says more exactly than `name` where a key is from.

    `typed` says that a person typed it just now, so that a mistake in it is one of usage.
    """

    name: str
    values: Mapping[str, Any]
    origins: Mapping[str, str] = field(default_factory=dict)
    typed: bool = False

    def origin(self, key: str) -> str:
        """Where the value of a key is from."""
        return self.origins.get(key, self.name)


@dataclass(frozen=True, slots=True)
class Merged:
    """Settings, and for every key the layer its value is from (None for defaults)."""

    settings: Settings
    layers: Mapping[str, Layer | None]

    @property
    def provenance(self) -> dict[str, str]:
        """Dotted key → where its value is from; `default` where nobody said anything."""
        return {key: layer.origin(key) if layer else "default" for key, layer in self.layers.items()}


def merge(layers: Iterable[Layer]) -> Merged:
    """Lay the layers over the defaults, later over earlier.

    Raises SettingsError that names key, place and what was expected; an empty key or token counts as not said.
    """
    raw: dict[str, Any] = {}
    sources: dict[str, Layer | None] = dict.fromkeys(KEYS)
    for layer in layers:
        for name, value in layer.values.items():
            if name not in KEYS:
                raise unknown_key(name, layer.origin(name))
            if name in SECRETS and value == "":
                continue
            raw[name], sources[name] = value, layer
    try:
        settings = Settings.model_validate(_nested(raw))
    except ValidationError as error:
        raise _refusal(error, raw, sources) from None
    _check_together(settings, sources)
    return Merged(settings, sources)


def unknown_key(name: str, origin: str) -> SettingsError:
    """The error for a key that is none, with the nearest one that is."""
    return SettingsError(
        f"{name}: there is no such setting (from {origin}).",
        hint=did_you_mean(name, (*KEYS, *TABLES)) or "`civitai-kit config show` lists all settings.",
    )


def _nested(raw: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in raw.items():
        table, _, key = name.rpartition(".")
        (nested.setdefault(table, {}) if table else nested)[key] = value
    return nested


def _refusal(error: ValidationError, raw: Mapping[str, Any], sources: Mapping[str, Layer | None]) -> SettingsError:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    refused = cause if isinstance(cause, ValueRefused) else ValueRefused(str(first["msg"]))
    return _wrong(name, refused, raw.get(name), sources.get(name))


def _wrong(name: str, refused: ValueRefused, value: Any, layer: Layer | None) -> SettingsError:
    shows = refused.shows_value and name not in SECRETS
    got = f", got {_shown(value)}" if shows else ""
    what = layer.origin(name) if layer and layer.typed else name
    place = f" (from {layer.origin(name)})" if layer and not layer.typed else ""
    code = Code.USAGE if layer and layer.typed else Code.SETTINGS
    return SettingsError(f"{what}: {refused.expected}{got}{place}.", code=code, hint=refused.hint)


def _shown(value: Any) -> str:
    shown = without_keys(repr(list(value) if isinstance(value, tuple) else value))
    return cut_in_the_middle(shown, 80)


def _check_together(settings: Settings, sources: Mapping[str, Layer | None]) -> None:
    """What no key can know alone: bounds in order."""
    if settings.max_size and settings.min_size > settings.max_size:
        refused = ValueRefused("expected no less than min_size")
        raise _wrong("max_size", refused, settings.max_size, sources["max_size"] or sources["min_size"])
