"""Reads the layers of settings: user file, project file, environment, keyring; core.settings merges them."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_config_path

from civitai_kit.core.errors import SettingsError
from civitai_kit.core.settings.checks import did_you_mean
from civitai_kit.core.settings.keys import KEYS, PATHS, SECRETS, variable
from civitai_kit.core.settings.layers import Layer, Settings, merge
from civitai_kit.core.site.vocabulary import BASE_MODELS, FILE_FORMATS, FILE_TYPES, MODEL_TYPES, corrected, near
from civitai_kit.files.errors import OddFile
from civitai_kit.files.input import read_input
from civitai_kit.files.names import plain_name, sayable_name

PREFIX = "CIVITAI_KIT_"
_GO_LEAVES = tuple(go.rpartition(".")[2] for key in KEYS.values() for go in key.go)
# Go keys are long and share their beginnings: DownloadDelay is no slip of the pen for DownloadMetaOnly.
GO_CLOSENESS = 0.8
# In the order in which they count; all hold the account's key, as other tools of the site name it.
KEY_VARIABLES = ("CIVITAI_API_KEY", "CIVITAI_TOKEN", "CIVITAI_API_TOKEN")
_SQLITE_ENDINGS = frozenset({".db", ".sqlite", ".sqlite3"})
# The example with every setting explained has 20 KB.
_LONGEST = 2**20
_MAKES_ONE = "`civitai-kit config init` writes one."
KEYRING_SERVICE, KEYRING_NAME = "civitai-kit", "api_key"


_ASKED, _LOOKED_FOR = "the site is asked for it as it is", "files of it are looked for all the same"
_WORDS = {
    "model_types": (MODEL_TYPES, _ASKED),
    "base_models": (BASE_MODELS, _ASKED),
    "formats": (FILE_FORMATS, _LOOKED_FOR),
    "file_types": (FILE_TYPES, _LOOKED_FOR),
}


class Loaded(NamedTuple):
    """Settings, where each value is from, and what a person should be told about them."""

    settings: Settings
    provenance: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def user_file() -> Path:
    """The person's own settings file, whether it is there or not."""
    return user_config_path("civitai-kit", appauthor=False) / "config.toml"


def project_file(config: Path | None, cwd: Path) -> Path:
    """The file that overrules the user's: the one named, else `config.toml` in the working folder."""
    return cwd / (config.expanduser() if config is not None else "config.toml")


def load_settings(
    flags: Layer,
    *,
    config: Path | None,
    env: Mapping[str, str],
    cwd: Path,
    user: Path | None = None,
    with_keyring: bool = True,
) -> Loaded:
    """All layers over one another: defaults, keyring, user file, project file, environment, flags.

    `config` is the file a person named; it must exist. Without `with_keyring` no keyring is asked for the key.
    Raises SettingsError that names file, key and what was expected.
    """
    warnings: list[str] = []
    layers = [
        *_file_layer(user or user_file(), None, warnings, cwd),
        *_file_layer(project_file(config, cwd), config or Path("config.toml"), warnings, cwd, named=config is not None),
        _environment(env),
        flags,
    ]
    if with_keyring and not any(layer.values.get("api_key") for layer in layers):
        layers = [*_keyring(warnings), *layers]
    merged = merge(_expanded(layer) for layer in layers)
    settings = _spelled(merged.settings, warnings)
    return Loaded(settings, merged.provenance, tuple(warnings))


def _file_layer(path: Path, shown: Path | None, warnings: list[str], cwd: Path, *, named: bool = False) -> list[Layer]:
    name = _spoken(path, shown)
    try:
        text = read_input(path, _LONGEST).decode("utf-8-sig")
        # Here, because most runs have no file.
        import tomli

        document = tomli.loads(text)
    except FileNotFoundError as error:
        if not named:
            return []
        hint = _MAKES_ONE
        raise SettingsError(f"{name}: there is no such file.", hint=hint, path=str(path)) from error
    except OSError as error:
        hint = error.hint if isinstance(error, OddFile) else f"Name a file of settings; {_MAKES_ONE}"
        raise SettingsError(f"{name}: cannot be read: {error.strerror}.", hint=hint, path=str(path)) from error
    except (ValueError, RecursionError) as error:
        # Besides what is no TOML: bytes that are no text, a number of thousands of digits, lists without end.
        hint = "Text stands in quotes, lists in brackets; `civitai-kit config init` writes a file to begin with."
        raise SettingsError(f"{name}: is not TOML: {error}.", hint=hint, path=str(path)) from error
    layer = _document_layer(document, name, warnings, cwd)
    if is_open_to_others(path) and any(layer.values.get(secret) for secret in SECRETS):
        said = (
            f"Others on this machine can read the key in {path}: `chmod 600 {shlex.quote(str(path))}` keeps it yours."
        )
        # In the folder of the user's own file, that is the project's too.
        warnings.extend([said] if said not in warnings else [])
    return [layer]


def is_open_to_others(path: Path) -> bool:
    """Whether a file may be read by anybody but its owner; Windows says so in other ways."""
    mode = path.stat().st_mode
    return os.name == "posix" and stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))


def _spoken(path: Path, shown: Path | None) -> str:
    """How a file is named to people: as they named it, or `./config.toml`."""
    if shown is None or shown.is_absolute():
        return str(path)
    return str(shown) if shown.parts[:1] in ((".",), ("..",), ("~",)) else f"./{shown.as_posix()}"


def _document_layer(document: Mapping[str, Any], name: str, warnings: list[str], cwd: Path) -> Layer:
    from civitai_kit.core.settings.go_keys import translate

    read = translate(document)
    database = read.values.get("database_path")
    if "database_path" in read.go_names and isinstance(database, str) and _is_go_database(cwd, database):
        del read.values["database_path"]
        warnings.append(
            f"{name}: {read.go_names['database_path']} names the Go downloader's own database, {database}; it is left "
            "alone and not read. The `civitai-kit download` that names the same models enters the files that are there."
        )
    for key in read.without_counterpart:
        near_one = did_you_mean(key.rpartition(".")[2], _GO_LEAVES, closeness=GO_CLOSENESS)
        warnings.append(f"{name}: {key} has no counterpart here and is ignored{f'; {near_one}' if near_one else '.'}")
    return Layer(name, read.values)


def _is_go_database(cwd: Path, value: str) -> bool:
    """Whether a path names the Go downloader's store, a file of SQLite or a folder of Bitcask, or a file to be."""
    from civitai_kit.store.location import belongs_to_another_tool

    path = cwd / Path(value).expanduser()
    return belongs_to_another_tool(path) or (path.suffix.lower() in _SQLITE_ENDINGS and not path.is_dir())


def _environment(env: Mapping[str, str]) -> Layer:
    """Variables `CIVITAI_KIT_<NAME>`, lists comma-separated; an empty one is as good as none."""
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for name in KEY_VARIABLES:
        if "api_key" not in values and env.get(name, "").strip():
            values["api_key"], origins["api_key"] = env[name], name
    keys = {variable(key): key for key in KEYS}
    for name, value in sorted(env.items()):
        if not name.startswith(PREFIX) or not value.strip():
            continue
        if name not in keys:
            hint = did_you_mean(name, keys) or "Each setting has one: config.toml.example lists them."
            raise SettingsError(f"{name}: there is no such setting (from the environment).", hint=hint)
        values[keys[name]] = value if keys[name] in PATHS else plain_name(value)
        origins[keys[name]] = name
    return Layer("environment", values, origins)


def _keyring(warnings: list[str]) -> list[Layer]:
    """The key in the operating system's keyring, where the extra `keyring` is installed and has one."""
    if sys.platform != "darwin":
        # Its module for macOS looks for Apple's libraries, elsewhere with nine processes, a compiler among them.
        sys.modules.setdefault("keyring.backends.macOS.api", None)  # type: ignore[arg-type]  # "is not there"
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        return []
    try:
        key = keyring.get_password(KEYRING_SERVICE, KEYRING_NAME)
    except NoKeyringError:
        return []
    except Exception as error:  # noqa: BLE001 — backends raise what they like, and the work needs none of them
        warnings.append(f"The keyring could not be asked for a key: {type(error).__name__}: {error}")
        return []
    return [Layer("keyring", {"api_key": key})] if key and key.strip() else []


def _expanded(layer: Layer) -> Layer:
    """The layer with `~` in its paths made the home folder, and all of them such as the locale can say."""
    values = {
        name: _expanded_path(value) if name in PATHS and isinstance(value, str) else value
        for name, value in layer.values.items()
    }
    return Layer(layer.name, values, layer.origins, layer.typed)


def _expanded_path(value: str) -> str:
    path = sayable_name(value)
    return str(Path(path).expanduser()) if path == "~" or path.startswith("~/") else path


def _spelled(settings: Settings, warnings: list[str]) -> Settings:
    """Words of the site in its case; one that nobody knows is passed on, with a warning."""
    changes: dict[str, tuple[str, ...]] = {}
    for name, (known, used) in _WORDS.items():
        typed: tuple[str, ...] = settings.value(name)
        changes[name] = tuple(dict.fromkeys(corrected(value, known) for value in typed))
        for value in changes[name]:
            if value not in known:
                hint = near(value, known)
                what = name.replace("_", " ").removesuffix("s")
                meant = f" Did you mean {hint!r}?" if hint else ""
                warnings.append(f"{value!r} is no {what} known here; {used}.{meant}")
    return settings.model_copy(update=changes)
