"""Every flag of the command line, declared once: from the key of the settings that it sets, or on its own."""

from __future__ import annotations

from keyword import iskeyword
from typing import Final, NamedTuple

from civitai_kit.core.settings.keys import KEYS, is_list

# Columns beside the names of flags in a terminal of 80.
WIDEST_DEFAULT: Final = 44


class Flag(NamedTuple):
    """One option. `key` is the setting it lays over files and environment; without one it is `meaning` that tells.

    `takes` names its value in the help, empty for a switch; a switch of a setting can be said with `--no-` too.
    `words` is the kind of words that a shell offers for its value (completion.py).
    """

    names: tuple[str, ...]
    key: str = ""
    takes: str = ""
    meaning: str = ""
    many: bool = False
    hidden: bool = False
    words: str = ""

    @property
    def long(self) -> str:
        """Its chief name, as errors and provenance say it: `--limit`."""
        return next(name for name in self.names if name.startswith("--"))

    @property
    def dest(self) -> str:
        """The name of its value among what was typed; a word that Python keeps for itself gets `_` behind it."""
        name = self.key.replace(".", "__") or self.long.removeprefix("--").replace("-", "_")
        return f"{name}_" if iskeyword(name) else name

    @property
    def declarations(self) -> list[str]:
        """Its names as Typer wants them: a switch of a setting, which a file may have set, has its opposite."""
        if self.takes or not self.key:
            return [*self.names]
        off = self.long.replace("--", "--no-", 1)
        return [f"{name}/{off}" if name == self.long else name for name in self.names]

    @property
    def help(self) -> str:
        """Its meaning, and the default of the setting where that says something."""
        if not self.key:
            return self.meaning
        meaning = self.meaning or KEYS[self.key].meaning
        default = KEYS[self.key].default
        said = bool(default) or (type(default) is int)
        return _with_default(meaning, str(default)) if said and self.takes else meaning


def _with_default(meaning: str, default: str) -> str:
    if len(default) <= WIDEST_DEFAULT:
        return f"{meaning}  [default: {default}]"
    # A line that begins with \b stays as it is: this one is broken between folders, never inside a name.
    lines = [meaning, "[default:"]
    for part in default.replace("/", "/ ").split():
        fits = lines[-1].startswith("{") and len(lines[-1] + part) < WIDEST_DEFAULT
        lines = [*lines[:-1], lines[-1] + part] if fits else [*lines, part]
    return "\b\n" + "\n".join(lines) + "]"


def _sets(key: str, *names: str, takes: str = "", meaning: str = "", words: str = "") -> Flag:
    return Flag(names, key, takes, meaning, is_list(key), words=words)


def _says(*names: str, meaning: str, takes: str = "", many: bool = False, words: str = "") -> Flag:
    return Flag(names, "", takes, meaning, many, words=words)


QUIET = _says("--quiet", meaning="say nothing but results and errors")
QUIET_BEFORE = QUIET._replace(names=("-q", "--quiet"))

GLOBAL = (
    _says("--config", takes="PATH", meaning="settings file instead of ./config.toml"),
    _sets("save_path", "--save-path", takes="DIR"),
    _sets("database_path", "--database", takes="PATH"),
    _sets("api_url", "--api-url", takes="URL"),
    _sets("api_client_timeout_sec", "--api-timeout", takes="SECONDS"),
    _sets("api_delay_ms", "--api-delay", takes="MS"),
    _sets("max_retries", "--max-retries", "--retries", takes="N"),
    _sets("log_level", "--log-level", takes="LEVEL"),
    _sets("log_file", "--log-file", takes="PATH"),
    _sets("log_format", "--log-format", takes="text|json"),
    _sets("log_api_requests", "--log-api"),
    _says("--json", meaning="print one JSON object on stdout"),
    _says("--no-color", meaning="no colours (also the variable NO_COLOR)"),
)

SELECTION_PANELS: dict[str, tuple[Flag, ...]] = {
    "Which models": (
        _says("--from-file", takes="FILE", meaning="read REFs from a file, one a line; - for stdin"),
        _says("--model-id", takes="ID", meaning="this model, as if its id were a REF", many=True),
        _says("--model-version-id", takes="ID", meaning="this version", many=True),
        _sets("model_types", "-t", "--type", "-m", "--model-types", takes="TYPE", words="types"),
        _sets("base_models", "-b", "--base-model", takes="NAME", words="base models"),
        _sets("tags", "--tag", "--tags", takes="TAG"),
        _sets("usernames", "-u", "--username", "--usernames", takes="NAME"),
        _sets("query", "-q", "--query", takes="TEXT"),
        _sets("nsfw", "--nsfw"),
        _sets("sort", "-s", "--sort", takes="ORDER", words="sorts"),
        _sets("period", "-p", "--period", takes="PERIOD", words="periods"),
        _sets("limit", "-l", "--limit", takes="N"),
        _sets("top", "--top", takes="N"),
        _says("--all", meaning="the whole site, where nothing narrows what is looked for"),
        _sets("page_size", "--page-size", takes="N"),
        _sets("max_pages", "--max-pages", takes="N"),
    ),
    "Which versions and files": (
        _sets("all_versions", "--all-versions"),
        _sets("primary_only", "--primary-only"),
        _sets("pruned", "--pruned"),
        _sets("fp16", "--fp16"),
        _sets("formats", "--format", takes="FORMAT", words="formats"),
        _sets("file_types", "--file-type", takes="TYPE", words="file types"),
        _sets("min_size", "--min-size", takes="SIZE"),
        _sets("max_size", "--max-size", takes="SIZE"),
        _sets("early_access", "--early-access"),
        _sets("allow_unsafe", "--allow-unsafe"),
    ),
    "What is left out": (
        _sets("ignore_base_models", "--ignore-base-model", "--ignore-base-models", takes="TEXT"),
        _sets("ignore_tags", "--ignore-tag", "--ignore-tags", takes="TAG"),
        _sets("ignore_file_name_strings", "--ignore-filename", "--ignore-filename-strings", takes="TEXT"),
        _sets("creator_exclude", "--creator-exclude", takes="NAME"),
    ),
    "Where files go": (_sets("path_template", "--path-template", takes="TEMPLATE"),),
}
SELECTION = tuple(flag for flags in SELECTION_PANELS.values() for flag in flags)

PLAN_OUT = _says("-o", "--output", takes="PLAN.json", meaning="save the plan to this file, - for stdout")
DRY_RUN = _says("--dry-run", meaning="show the plan and stop there")
YES = _sets("skip_confirmation", "-y", "--yes", meaning="do not ask before downloading; --no-yes asks all the same")
LIMIT_RATE = _sets("limit_rate", "--limit-rate", takes="RATE")

SIDECARS = _sets(
    "library.sidecars",
    "--sidecar",
    takes="FORMAT",
    meaning="write beside each file what another program reads: civitai.info, a1111, lora-manager, …",
)
DOWNLOAD = (
    _says("--plan", takes="PLAN.json", meaning="carry out a plan that `scan -o` saved"),
    YES,
    DRY_RUN,
    _sets("concurrency", "-c", "--concurrency", takes="N"),
    _sets("connections", "--connections", takes="N"),
    LIMIT_RATE,
    _sets("duplicates", "--duplicates", takes="HOW"),
    SIDECARS,
    _sets("allow_hash_mismatch", "--allow-hash-mismatch"),
    _sets("metadata", "--metadata"),
    _sets("meta_only", "--meta-only"),
    _sets("model_info", "--model-info"),
    _sets("version_images", "--version-images"),
    _sets("model_images", "--model-images"),
)

IMAGE_PANELS: dict[str, tuple[Flag, ...]] = {
    "Whose images": (
        _says("-u", "--username", "--usernames", takes="NAME", meaning="all images of this creator", many=True),
        _says("--model-id", takes="ID", meaning="all images made with this model", many=True),
        _says("--model-version-id", takes="ID", meaning="all images made with this version", many=True),
        _says("--tag", "--tags", takes="TAG", meaning="images of the models that carry this tag", many=True),
        _says("--post-id", takes="ID", meaning="all images of this post", many=True),
        _says("--image-id", takes="ID", meaning="this image", many=True),
        _says("--from-file", takes="FILE", meaning="read targets from a file, one a line; - for stdin"),
    ),
    "What the site is asked for": (
        _sets("images.nsfw", "--nsfw", takes="LEVEL"),
        _sets("images.browsing_level", "--browsing-level", takes="BITS"),
        _sets("images.media", "--media", takes="all|images|videos"),
        _sets("images.sort", "-s", "--sort", takes="ORDER", words="image sorts"),
        _sets("images.period", "-p", "--period", takes="PERIOD", words="periods"),
        _sets("images.page_size", "--page-size", takes="N"),
        _sets("images.max_pages", "--max-pages", takes="N"),
        _sets("images.deep_scan", "--deep-scan"),
    ),
    "What is kept": (
        _sets("images.filter_tags", "--filter-tags", "--filter-tag", takes="TAG"),
        _sets("images.prompt_check", "--prompt-check"),
        _sets("images.limit", "-l", "--limit", takes="N"),
        _sets("images.max_per_model", "--max-per-model", takes="N"),
        _sets("images.redownload", "--redownload"),
        _sets("images.quality", "--quality", takes="sd|hd"),
    ),
    "Where it goes": (
        _sets("images.output_dir", "-o", "--output", "--output-dir", takes="DIR"),
        _sets("images.layout", "--layout", takes="search|author"),
        _says("--no-sort", meaning="no subfolders by model, videos and metadata"),
        _says("--path-template", takes="TEMPLATE", meaning="paths of your own, as {username}/{base_model}/{image_id}"),
        _sets("images.max_path", "--max-path", takes="N"),
    ),
    "Beside the images": (
        _sets("images.metadata", "--metadata"),
        _says("--save-workflow", meaning="save <image id>_workflow.json where ComfyUI's workflow is embedded"),
    ),
    "How": (
        _sets("images.concurrency", "-c", "--concurrency", takes="N"),
        LIMIT_RATE,
        DRY_RUN,
    ),
}
IMAGES = tuple(flag for flags in IMAGE_PANELS.values() for flag in flags)
TAGS = (_says("-o", "--output", takes="FILE", meaning="append the names that are not in this file yet"),)

DB_VIEW = (
    _says(
        "--status",
        takes="STATUS",
        meaning="only entries that are Pending, Downloaded or Error",
        many=True,
        words="statuses",
    ),
    _says("-t", "--type", takes="TYPE", meaning="only entries of this model type", many=True, words="types"),
    _says(
        "-b", "--base-model", takes="NAME", meaning="only entries of this base model", many=True, words="base models"
    ),
    _says(
        "-s", "--sort", takes="KEY", meaning="order: version, name, type, base-model, creator, status, size, updated"
    ),
    _says("--images", meaning="show the records of images instead of entries"),
)

# Not the setting `skip_confirmation`, which speaks of downloads alone.
DB_YES = _says("-y", "--yes", meaning="do not ask")

TORRENT = (
    _sets("torrent.announce", "--announce", takes="URL", meaning="tracker; repeat it for each"),
    _says("--model-id", takes="ID", meaning="only downloads of this model", many=True),
    _sets("torrent.output_dir", "-o", "--output-dir", takes="DIR"),
    _sets("torrent.overwrite", "-f", "--overwrite"),
    _sets("torrent.concurrency", "-c", "--concurrency", takes="N"),
    _sets("torrent.magnet_links", "--magnet-links"),
    _sets("torrent.web_seeds", "--web-seed", "--web-seeds", takes="URL", meaning="URL that serves the save path"),
    _sets("torrent.private", "--private", meaning="let clients find peers through the trackers only"),
    _sets("torrent.source", "--source", takes="TEXT", meaning="put a source in; changes the info-hash"),
    _sets("torrent.piece_size", "--piece-size", takes="SIZE"),
    _says("--check-hash", meaning="confirm files by hash, not by size alone"),
    _says("--include-metadata", meaning="put sidecars and images that lie beside the files in as well"),
    _says("--per", takes="version|model", meaning="one torrent a version (default), or one a model"),
)


class Positional(NamedTuple):
    """What stands after a command without a flag: how usage shows it, and what it is."""

    usage: str
    meaning: str


POSITIONALS = {
    "REF": Positional(
        "[REF…]",
        "a page of the site, a download URL, an AIR (urn:air:…) or a model's id; none: the site's listing is asked",
    ),
    "PAGE": Positional("[PAGE…]", "a page of the site: a creator, model, version, tag, post or image"),
    "VERSION_ID": Positional("VERSION_ID…", "a version's id: 12345, or v_12345 as `db view` shows it"),
    "QUERY": Positional("QUERY", "the text to look for"),
    "tags QUERY": Positional("[QUERY]", "only the tags that begin with it"),
    "catalog add VERSION_ID": Positional("VERSION_ID", "a version's id: 12345, or v_12345"),
    "catalog promote VERSION_ID": Positional("VERSION_ID", "a version's id: 12345, or v_12345"),
    "FILENAME": Positional("FILENAME", "a file's name, as the catalog has it"),
    "HASH|NAME": Positional("HASH|NAME", "the beginning of a hash, or a part of a name"),
    "DIR": Positional("DIR", "a folder that the data manager wrote to"),
    "PATH": Positional("PATH…", "a file or folder with models"),
    "export FILE": Positional("FILE", "the file to write; - for stdout"),
    "import FILE": Positional("FILE", "the file to read; - for stdin"),
}


def positional_of(command: str, name: str) -> Positional | None:
    """What a command's positional argument is; None where it takes none."""
    if not name:
        return None
    return POSITIONALS.get(f"{command} {name}") or POSITIONALS.get(name) or Positional(f"[{name}…]", "")


LIBRARY_OUT = _sets("library.output_dir", "-o", "--output", "--output-dir", takes="DIR")
LIBRARY_SCAN = (
    _sets("library.images", "--images", takes="first|all|none"),
    _sets("library.only_new", "--only-new"),
    _sets("library.skip_missing", "--skip-missing"),
    _sets("library.only_update", "--only-update"),
    _says("--refresh", meaning="ask the site again about what it was asked within the last day"),
    _says("--thorough", meaning="look up by every hash what the site does not know by its SHA256; a request each"),
)
FORCE = _says("-f", "--force", meaning="overwrite a file that is there")
USER_FILE = _says("--user", meaning="the user's own file instead of ./config.toml")

# Each once, though several commands take it.
CATALOG = (
    _sets("catalog.catalog_dir", "--catalog-dir", takes="DIR"),
    _sets("catalog.models_dir", "--models-dir", takes="DIR"),
)
SERVE = (
    _sets("serve.host", "--host", takes="ADDRESS"),
    _sets("serve.port", "--port", takes="PORT"),
    _sets("serve.token", "--token", takes="TOKEN"),
    _sets("serve.allow_origins", "--allow-origin", takes="ORIGIN"),
    _says("--allow-host", takes="NAME", meaning="a name by which browsers may call the server", many=True),
    _says("--files", meaning="serve the model files too, read-only, as a mirror of the site"),
)
CATALOG_ADD = (_says("--download", meaning="fetch its file too, to where the catalog says that it is"),)
EVERY_FLAG = tuple(
    dict.fromkeys(
        (
            *GLOBAL,
            QUIET,
            *SELECTION,
            PLAN_OUT,
            *DOWNLOAD,
            *IMAGES,
            *DB_VIEW,
            *TORRENT,
            LIBRARY_OUT,
            *LIBRARY_SCAN,
            SIDECARS,
            *CATALOG,
            *CATALOG_ADD,
            *SERVE,
            FORCE,
            USER_FILE,
        )
    )
)


def flag_of(key: str) -> Flag | None:
    """The flag that sets a key, None where there is none."""
    return next((flag for flag in EVERY_FLAG if flag.key == key), None)
