"""Every key of the settings: its default, what it means in a sentence, and the Go downloader's names for it.

Plain values, so that help can be printed without loading the validation of `core.settings.layers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Key(NamedTuple):
    """One key; `name` is dotted where it lives in a table. `go` names are flat unless they say their table.

    `heading` opens a section of the example file.
    """

    name: str
    default: Any
    meaning: str
    go: tuple[str, ...] = ()
    heading: str = ""


PATH_TEMPLATE = "{type}/{base_model}/{model_name}/{model_id}-{file_slug}/{version_name}/{version_id}_{file_name}"

_WHERE = (
    Key(
        "api_key",
        "",
        "key of your account on the site; the variable CIVITAI_API_KEY wins over it",
        ("ApiKey",),
        "The site and the network",
    ),
    Key("api_url", "https://civitai.com", "root of the site"),
    Key("api_delay_ms", 200, "milliseconds between two questions to the site", ("ApiDelayMs",)),
    Key(
        "api_client_timeout_sec",
        60,
        "seconds of silence after which a connection counts as dead",
        ("ApiClientTimeoutSec",),
    ),
    Key("max_retries", 3, "tries after the first, for questions and for downloads", ("MaxRetries",)),
    Key(
        "retry_delay_ms",
        1000,
        "milliseconds before the first of them; later waits grow from it",
        ("InitialRetryDelayMs",),
    ),
    Key("log_level", "warning", "what is logged to stderr: debug, info, warning or error", ("LogLevel",)),
    Key("log_file", "", "a file to log to as well"),
    Key("log_format", "text", "form of the log: text or json", ("LogFormat",)),
    Key("log_api_requests", False, "log questions and answers to api.log under the save path", ("LogApiRequests",)),
    Key(
        "save_path",
        "downloads",
        "folder under which everything is saved",
        ("SavePath",),
        "Where things go",
    ),
    Key("database_path", "", "folder of the database; empty: <save path>/civitai_download_db", ("DatabasePath",)),
    Key("path_template", PATH_TEMPLATE, "where a model file goes under the save path", ("VersionPathPattern",)),
)

_SELECTION = (
    Key("query", "", "words to search for", ("Query",), "What to look for"),
    Key("tags", (), "tags, any of them", ("Tags", "Tag")),
    Key("usernames", (), "creators, any of them", ("Usernames", "Username")),
    Key("model_types", (), "model types (Checkpoint, LORA, …), any of them", ("ModelTypes",)),
    Key("base_models", (), "base models (SDXL 1.0, …), any of them", ("BaseModels",)),
    Key("nsfw", False, "list models marked NSFW as well", ("Nsfw",)),
    Key(
        "sort",
        "Most Downloaded",
        "order of the listing: Highest Rated, Newest, Oldest, or Most Downloaded, Liked, Discussed, Collected, Images",
        ("Sort",),
    ),
    Key("period", "AllTime", "only models with a version of the last Day, Week, Month, Year; AllTime", ("Period",)),
    Key("limit", 0, "models to take that have something to fetch, 0 for all", ("Download.Limit",)),
    Key("top", 0, "models to look at, the first of each listing, 0 for all"),
    Key("page_size", 100, "models a page of the site's listing, 1 to 100", ("Limit",)),
    Key("max_pages", 0, "pages of listings to read, 0 for all", ("MaxPages",)),
    Key("model_id", 0, "this model instead of a listing, 0 for none", ("ModelID",)),
    Key("model_version_id", 0, "this version instead of a listing, 0 for none", ("ModelVersionID",)),
    Key("all_versions", False, "every version of a model, not just the newest", ("AllVersions",), "What to keep of it"),
    Key("primary_only", False, "only the primary file of a version", ("PrimaryOnly",)),
    Key("pruned", False, "of Checkpoints only pruned files", ("Pruned",)),
    Key("fp16", False, "of Checkpoints only fp16 files", ("Fp16",)),
    Key("formats", (), "only files of these formats (SafeTensor, GGUF, …)"),
    Key("file_types", (), "only files of these types (Model, VAE, Training Data, …)"),
    Key("min_size", 0, "no file smaller than this (500MiB, 2GB, bytes), 0 for no bound"),
    Key("max_size", 0, "no file larger than this, 0 for no bound"),
    Key("ignore_base_models", (), "no base model whose name holds one of these", ("IgnoreBaseModels",)),
    Key(
        "ignore_file_name_strings",
        (),
        "no file whose name holds one of these",
        ("IgnoreFileNameStrings",),
    ),
    Key("ignore_tags", (), "no model with one of these tags", ("IgnoreTags",)),
    Key("creator_exclude", (), "nothing by these creators"),
    Key("early_access", False, "try early-access and paid versions instead of skipping them"),
    Key("allow_unsafe", False, "take files whose pickle or virus scan says Danger"),
)

_DOWNLOAD = (
    Key("concurrency", 4, "downloads at the same time", ("Concurrency",), "How to download"),
    Key("connections", 1, "connections for one file, where the server allows ranges"),
    Key("limit_rate", 0, "bytes a second in all (5MB, 800KiB), 0 for no bound"),
    Key(
        "duplicates",
        "link",
        "files whose bytes are here already: link (a hard link, else a copy), copy, or fetch again",
    ),
    Key("allow_hash_mismatch", False, "keep a file whose hash is wrong; it is remembered so"),
    Key("skip_confirmation", False, "download without asking", ("SkipConfirmation",)),
    Key("metadata", False, "save <file>.json with the version's data beside each file", ("Metadata", "SaveMetadata")),
    Key("meta_only", False, "save the .json files alone, no models", ("MetaOnly", "DownloadMetaOnly")),
    Key("model_info", False, "save each model's whole data", ("ModelInfo", "SaveModelInfo")),
    Key("version_images", False, "save a version's images beside its files", ("VersionImages", "SaveVersionImages")),
    Key(
        "model_images",
        False,
        "save the images of all versions; implies model_info, --model-info",
        ("ModelImages", "SaveModelImages"),
    ),
)

_IMAGES = (
    Key(
        "images.output_dir",
        "",
        "folder of the images; empty: <save path>/images",
        ("Images.OutputDir",),
        "The images command",
    ),
    Key("images.layout", "search", "tree of folders: search or author"),
    Key("images.quality", "hd", "hd for the original, sd for the site's resized picture"),
    Key("images.media", "all", "all, images or videos"),
    Key("images.sort", "Newest", "order of the listing", ("Images.Sort",)),
    Key("images.period", "AllTime", "only images of the last Day, Week, Month or Year", ("Images.Period",)),
    Key("images.nsfw", "", "levels to list, true for all, false for PG only; empty: all", ("Images.Nsfw",)),
    Key("images.browsing_level", 0, "levels as the site's bit mask, 0 for all", ("Images.BrowsingLevel",)),
    Key("images.limit", 0, "images to take in all, 0 for no limit", ("Images.Limit",)),
    Key("images.page_size", 200, "images a page of the listing, 1 to 200"),
    Key("images.max_pages", 0, "pages to read, 0 for all", ("Images.MaxPages",)),
    Key("images.max_per_model", 0, "images of one model at most, 0 for no limit"),
    Key("images.max_path", 240, "longest path in characters"),
    Key("images.concurrency", 4, "downloads at the same time", ("Images.Concurrency",)),
    Key(
        "images.metadata",
        False,
        "save <image id>.json with the site's data",
        ("Images.Metadata", "Images.SaveMetadata"),
    ),
    Key("images.no_sort", False, "put files into the target's folder without subfolders"),
    Key("images.filter_tags", (), "keep an image only when all of these are its tags"),
    Key("images.prompt_check", True, "of a tag's images drop those whose prompt lacks a word of it"),
    Key("images.redownload", False, "fetch again what is remembered"),
    Key("images.deep_scan", False, "list in several orders, to get past the end of long listings"),
)

_OTHERS = (
    Key("torrent.announce", (), "tracker URLs", ("Torrent.AnnounceURLs",), "The torrent command"),
    Key("torrent.output_dir", "", "folder of the torrents; empty: beside the model files", ("Torrent.OutputDir",)),
    Key("torrent.overwrite", False, "make torrents that exist anew", ("Torrent.Overwrite",)),
    Key("torrent.concurrency", 4, "torrents at the same time", ("Torrent.Concurrency",)),
    Key("torrent.magnet_links", False, "write <name>-magnet.txt as well", ("Torrent.MagnetLinks",)),
    Key("torrent.web_seeds", (), "web seeds: URLs over which the whole save path is served"),
    Key("torrent.private", False, "mark torrents as private"),
    Key("torrent.source", "", "a source to put into torrents, which gives them an info-hash of their own"),
    Key("torrent.piece_size", 0, "bytes a piece (4MiB), 0 to choose by size"),
    Key(
        "library.output_dir",
        "",
        "folder of the library; empty: <save path>/library",
        heading="The library commands",
    ),
    Key("library.images", "first", "previews to keep: first, all or none"),
    Key("library.only_new", False, "look only at files not seen before"),
    Key("library.skip_missing", False, "do not ask again for files the site does not know"),
    Key("library.only_update", False, "only refresh what is there"),
    Key("library.sidecars", (), "sidecars beside files: civitai.info, a1111, lora-manager, stability-matrix, swarm"),
    Key(
        "catalog.catalog_dir",
        "",
        "folder of models.json and loras.json; empty: <save path>/catalog",
        heading="The catalog commands",
    ),
    Key("catalog.models_dir", "", "folder where files are looked for; empty: the save path"),
    Key("catalog.routes", (), "where types go, over the table that is built in: Type=category/folder"),
    Key("serve.host", "127.0.0.1", "address to listen on", heading="The serve command"),
    Key("serve.port", 8765, "port to listen on"),
    Key("serve.token", "", "token that /api/admin/* wants; empty: a random one is made and kept"),
    Key("serve.allow_origins", (), "origins that browsers may ask from"),
)

KEYS: dict[str, Key] = {key.name: key for key in (*_WHERE, *_SELECTION, *_DOWNLOAD, *_IMAGES, *_OTHERS)}
SECRETS = frozenset({"api_key", "serve.token"})
PATHS = frozenset(
    {
        "save_path",
        "database_path",
        "log_file",
        "images.output_dir",
        "torrent.output_dir",
        "library.output_dir",
        "catalog.catalog_dir",
        "catalog.models_dir",
    }
)
TABLES = tuple(dict.fromkeys(name.split(".")[0] for name in KEYS if "." in name))


def default(name: str) -> Any:
    """The default of a key, as it stands in the example file."""
    return KEYS[name].default


def is_list(name: str) -> bool:
    """Whether a key holds many."""
    return isinstance(KEYS[name].default, tuple)


def variable(name: str) -> str:
    """The environment variable of a key: `images.max_path` → `CIVITAI_KIT_IMAGES__MAX_PATH`."""
    return "CIVITAI_KIT_" + name.replace(".", "__").upper()


def sections() -> Iterator[tuple[str, list[Key]]]:
    """The keys under their headings, in the order of the example file."""
    heading, held = "", list[Key]()
    for key in KEYS.values():
        if key.heading and held:
            yield heading, held
            held = []
        heading = key.heading or heading
        held.append(key)
    yield heading, held
