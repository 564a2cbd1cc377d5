"""The layers of settings as a person meets them: files, variables, flags, and the config commands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli

from civitai_kit.cli.input.config_example import example
from civitai_kit.core.settings.go_keys import translate
from civitai_kit.core.settings.keys import KEYS

if TYPE_CHECKING:
    from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[3]
GO_FILE = """
ApiKey = "abc-123"
SavePath = "models"
Limit = 50
LogLevel = "info"
BleveIndexPath = "civitai.bleve"

[Download]
Tag = "anime"
ModelTypes = ["lora"]
BaseModels = ["sdxl 1.0", "Nix 7"]
Limit = 5
SaveMetadata = true

[Images]
Sort = "Oldest"
PostID = 7
"""


@pytest.fixture
def user_file(empty_home: Path) -> Path:
    """The user's own settings file, not there yet."""
    return empty_home.parent / "home" / "conf" / "civitai-kit" / "config.toml"


def test_the_example_in_the_repository_is_the_one_made_of_the_keys() -> None:
    assert (ROOT / "config.toml.example").read_text(encoding="utf-8") == example(live=True)


def test_the_example_loads_and_changes_nothing(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text(example(live=True), encoding="utf-8")
    settings = run("config", "show", "--json").data["settings"]
    (empty_home / "config.toml").unlink()
    defaults = run("config", "show", "--json").data["settings"]
    assert {name: row["value"] for name, row in settings.items()} == {
        name: row["value"] for name, row in defaults.items()
    }


def test_later_layers_win_and_every_value_says_where_it_is_from(
    run: Run, empty_home: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.parent.mkdir(parents=True)
    user_file.write_text('limit = 1\nquery = "a"\nsort = "Newest"\nmax_pages = 9\n')
    (empty_home / "config.toml").write_text('limit = 2\nquery = "b"\nsort = "Oldest"\n')
    monkeypatch.setenv("CIVITAI_KIT_LIMIT", "3")
    monkeypatch.setenv("CIVITAI_KIT_SORT", "Most Liked")
    settings = run("--max-retries", "7", "config", "show", "--json").data["settings"]
    assert settings["max_pages"] == {"value": 9, "origin": str(user_file)}
    assert settings["query"] == {"value": "b", "origin": "./config.toml"}
    assert settings["limit"] == {"value": 3, "origin": "CIVITAI_KIT_LIMIT"}
    assert settings["sort"]["value"] == "Most Liked"
    assert settings["max_retries"] == {"value": 7, "origin": "--max-retries"}
    assert settings["page_size"] == {"value": 100, "origin": "default"}


def test_a_named_file_takes_the_place_of_the_one_in_the_folder(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text("limit = 2\n")
    (empty_home / "other.toml").write_text("max_pages = 3\n")
    settings = run("--config", "other.toml", "config", "show", "--json").data["settings"]
    assert settings["limit"]["value"] == 0
    assert settings["max_pages"] == {"value": 3, "origin": "./other.toml"}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (" a, b ,,a", "tags", ["a", "b"]),
        ("yes", "nsfw", True),
        ("0", "nsfw", False),
        ("200", "images.max_path", 200),
        ("1MiB", "min_size", 2**20),
        ("", "limit", 0),
    ],
)
def test_a_variable_sets_its_key(text: str, key: str, value: object, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_KIT_" + key.replace(".", "__").upper(), text)
    assert run("config", "show", "--json").data["settings"][key]["value"] == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("CIVITAI_KIT_LIMT", "3", "CIVITAI_KIT_LIMT: there is no such setting (from the environment)."),
        ("CIVITAI_KIT_LIMIT", "x", "limit: expected a whole number of at least 0, got 'x' (from CIVITAI_KIT_LIMIT)."),
        ("CIVITAI_API_KEY", "your_api_key", "api_key: holds a placeholder, not a key (from CIVITAI_API_KEY)."),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, text: str, sentence: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    said = run("config", "show", "--json")
    assert said.code == 2 and said.document["errors"][0]["message"] == sentence
    assert said.document["errors"][0]["code"] == "settings"


def test_the_key_comes_from_the_first_variable_that_has_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    origins = []
    for name in ("CIVITAI_API_TOKEN", "CIVITAI_TOKEN", "CIVITAI_API_KEY"):
        monkeypatch.setenv(name, f"  key-of-{name} ")
        said = run("config", "show", "--json")
        assert f"key-of-{name}" not in said.out
        row = said.data["settings"]["api_key"]
        origins.append((row["value"], row["origin"]))
    assert origins == [("********", name) for name in ("CIVITAI_API_TOKEN", "CIVITAI_TOKEN", "CIVITAI_API_KEY")]


def test_a_variable_beats_the_key_of_a_file(run: Run, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_home / "config.toml").write_text('api_key = "abc-123"\n')
    assert run("config", "show", "--json").data["settings"]["api_key"]["origin"] == "./config.toml"
    monkeypatch.setenv("CIVITAI_TOKEN", "xyz-789")
    said = run("config", "show")
    assert "CIVITAI_TOKEN" in said.out and "abc-123" not in said.out and "xyz-789" not in said.out


def test_the_keyring_has_the_last_word(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class Ring(backend.KeyringBackend):  # type: ignore[name-defined, misc]
        priority = 1
        broken = False

        def get_password(self, service: str, name: str) -> str | None:
            if self.broken:
                raise RuntimeError("no bus")
            return "of-the-ring" if (service, name) == ("civitai-kit", "api_key") else None

        def set_password(self, service: str, name: str, password: str) -> None:
            raise NotImplementedError

    def shown() -> object:
        said = run("config", "show", "--json")
        assert "of-the-ring" not in said.out
        return said.data["settings"]["api_key"]

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        assert shown() == {"value": "********", "origin": "keyring"}
        monkeypatch.setattr(Ring, "broken", True)
        said = run("config", "show")
        assert said.code == 0 and "warning: The keyring could not be asked" in said.err
        monkeypatch.setenv("CIVITAI_TOKEN", "abc-123")
        assert shown() == {"value": "********", "origin": "CIVITAI_TOKEN"}
    finally:
        keyring.set_keyring(before)


def test_only_what_asks_the_site_asks_the_keyring(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")
    asked: list[str] = []

    class Ring(backend.KeyringBackend):  # type: ignore[name-defined, misc]
        priority = 1

        def get_password(self, service: str, name: str) -> None:
            asked.append(name)

        def set_password(self, service: str, name: str, password: str) -> None:
            raise NotImplementedError

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    monkeypatch.setenv("CIVITAI_KIT_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CIVITAI_KIT_MAX_RETRIES", "0")
    try:
        for words in ("db view", "db search x", "db stats", "clean --dry-run", "torrent", "db delete --query x --yes"):
            run(*words.split())
        assert asked == []
        for words in ("config show", "scan --all", "download 12 --yes"):
            run(*words.split())
        assert asked == ["api_key"] * 3
    finally:
        keyring.set_keyring(before)


def test_a_suggestion_for_a_go_key_is_a_near_one(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text("DownloadDelay = 3\nSavePth = 'x'\n")
    lines = run("config", "show").err.splitlines()
    assert lines[0] == "warning: ./config.toml: DownloadDelay has no counterpart here and is ignored."
    assert lines[1].endswith("SavePth has no counterpart here and is ignored; did you mean 'SavePath'?")


def test_a_base_model_begun_is_one_of_those_that_begin_so(run: Run) -> None:
    said = run("scan", "--base-model", "sdx", "--api-url", "http://127.0.0.1:9", "--max-retries", "0")
    assert "Did you mean 'SDXL 1.0'?" in said.err


def test_a_go_users_file_is_understood(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text(GO_FILE)
    said = run("config", "show", "--json")
    values = {name: row["value"] for name, row in said.data["settings"].items()}
    assert (values["save_path"], values["page_size"], values["limit"]) == ("models", 50, 5)
    assert (values["tags"], values["model_types"]) == (["anime"], ["LORA"])
    assert values["base_models"] == ["SDXL 1.0", "Nix 7"]
    assert (values["metadata"], values["images.sort"], values["api_key"]) == (True, "Oldest", "********")
    warnings = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert [any(word in line for line in warnings) for word in ("BleveIndexPath", "Images.PostID", "'Nix 7'")] == [
        True
    ] * 3


@pytest.mark.parametrize("made", [None, b"SQLite format 3\0 and so on"], ids=["not there yet", "there"])
@pytest.mark.parametrize("value", ["civitai.db", "store/history.sqlite", "~/civitai.db", ""])
def test_the_go_downloaders_database_is_left_alone_and_said(
    value: str, made: bytes | None, run: Run, empty_home: Path
) -> None:
    place = empty_home / Path(value).expanduser()
    if made and value:
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(made)
    (empty_home / "config.toml").write_text(f'SavePath = "models"\nDatabasePath = "{value}"\n')
    said = run("db", "view", "--json")
    assert (said.code, said.data["entries"]) == (0, [])
    assert (f"DatabasePath names the Go downloader's own database, {value}" in said.err) == bool(value)
    assert not made or not value or place.read_bytes() == made


def test_a_folder_that_a_go_user_named_for_our_database_is_used(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text('DatabasePath = "mine"\n')
    said = run("config", "show", "--json")
    assert said.data["settings"]["database_path"]["value"] == "mine" and said.err == ""


def test_an_unknown_type_is_passed_on_with_the_nearest_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_KIT_MODEL_TYPES", "lroa,checkpoint")
    said = run("config", "show", "--json")
    assert said.data["settings"]["model_types"]["value"] == ["lroa", "Checkpoint"]
    assert "'lroa'" in said.err and "'LORA'" in said.err


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
@pytest.mark.parametrize(
    ("text", "mode", "warns"),
    [
        ('api_key = "k3y-of-mine"', 0o644, True),
        ('api_key = "k3y-of-mine"', 0o640, True),
        ('ApiKey = "k3y-of-mine"', 0o604, True),
        ('[serve]\ntoken = "k3y-of-mine"', 0o644, True),
        ('api_key = "k3y-of-mine"', 0o600, False),
        ('api_key = ""\nlimit = 3', 0o644, False),
        ("limit = 3", 0o666, False),
    ],
)
def test_a_settings_file_with_a_key_that_others_can_read_is_warned_of_in_one_line(
    text: str, mode: int, warns: bool, run: Run, empty_home: Path
) -> None:
    file = empty_home / "config.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    said = run("db", "view")
    warnings = [line for line in said.err.splitlines() if "warning" in line]
    assert said.code == 0 and len(warnings) == warns and "k3y-of-mine" not in said.err
    assert all(str(file) in line and "chmod 600" in line for line in warnings)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_file_that_is_read_as_the_users_and_the_projects_is_warned_of_once(
    run: Run, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.parent.mkdir(parents=True)
    user_file.write_text('api_key = "k3y-of-mine"', encoding="utf-8")
    user_file.chmod(0o644)
    monkeypatch.chdir(user_file.parent)
    assert run("config", "show").err.count("chmod 600") == 1


def test_warnings_are_not_said_when_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_KIT_MODEL_TYPES", "lroa")
    assert run("config", "show", "--quiet").err == "" and run("-q", "config", "show").err == ""


NO_TOML = {
    "half": b"limit = ",
    "bytes": b"\xff\xfe",
    "number": b"limit = " + b"9" * 5000,
    "deep": b"tags = " + b"[" * 100_000,
    "nul": b"a\x00b",
    "twice": b"limit = 1\nlimit = 2",
}


@pytest.mark.parametrize("content", NO_TOML.values(), ids=NO_TOML)
def test_a_file_that_is_no_toml_is_one_sentence(content: bytes, run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_bytes(content)
    said = run("config", "show", "--json")
    assert said.code == 2 and said.document["errors"][0]["message"].startswith("./config.toml: is not TOML: ")


@pytest.mark.parametrize("value", ["1979-05-27", "inf", "nan", "[[]]", "{a = 1}", "''", '"x"', "-1", "1.0", "true"])
def test_a_value_of_another_kind_is_one_sentence(value: str, run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text(f"concurrency = {value}\n")
    said = run("config", "show", "--json")
    assert said.code == 2
    assert said.document["errors"][0]["message"].startswith("concurrency: expected a whole number from 1 to 64, got ")


def test_the_home_folder_may_be_a_tilde(run: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text('save_path = "~/models"\n')
    home = empty_home.parent / "home"
    assert run("config", "show", "--json").data["settings"]["save_path"]["value"] == str(home / "models")


def test_show_names_every_key_with_value_and_origin(run: Run) -> None:
    said = run("config", "show")
    assert [line.split()[0] for line in said.out.splitlines()] == [*KEYS]
    assert all(line.endswith("default") for line in said.out.splitlines())


def test_init_writes_a_file_for_its_owner_and_over_another_only_when_told(run: Run, empty_home: Path) -> None:
    target = empty_home / "config.toml"
    assert run("config", "init", "--json").data == {"path": str(target)}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not any(translate(tomli.loads(target.read_text(encoding="utf-8"))).values)
    target.write_text("limit = 3\n")
    assert run("config", "init").code == 2 and target.read_text() == "limit = 3\n"
    target.chmod(0o644)
    assert run("config", "init", "--force").code == 0
    assert target.read_text(encoding="utf-8") == example(live=False) and stat.S_IMODE(target.stat().st_mode) == 0o644


def test_init_writes_where_it_is_told(run: Run, empty_home: Path, user_file: Path) -> None:
    assert run("config", "init", "--user").code == 0 and user_file.is_file()
    assert run("config", "init", "--config", "deep/er.toml").code == 0 and (empty_home / "deep" / "er.toml").is_file()
    assert not (empty_home / "config.toml").exists()


def test_path_tells_the_files_in_order(run: Run, empty_home: Path, user_file: Path) -> None:
    (empty_home / "config.toml").write_text("")
    files = run("config", "path", "--json").data["files"]
    assert files["user"] == {"path": str(user_file), "exists": False}
    assert files["project"] == {"path": str(empty_home / "config.toml"), "exists": True}


@pytest.mark.skipif(sys.platform == "darwin", reason="Apple's libraries are looked for where they are")
def test_the_keyring_is_asked_without_starting_a_process(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("keyring")
    for name in [name for name in sys.modules if name.partition(".")[0] == "keyring"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    started: list[object] = []

    def refuse(words: object, *rest: object, **more: object) -> None:
        started.append(words)
        raise OSError("no process can be started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert run("config", "show").code == 0
    assert started == []
