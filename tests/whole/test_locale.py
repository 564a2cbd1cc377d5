"""Under a locale of ASCII: names in any script come to disk as under any other, and no output fails for a letter."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.program import Program, loaded

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have names in Unicode, whatever the locale")

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UTF8 = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
MODEL = 7001
PLACE = "lora/sdxl_1.0/漢字モデル/7001-漢字/版一/700101_漢字.safetensors"


@dataclass(frozen=True)
class Shell:
    """Runs the tool in a folder, as a terminal of some locale would."""

    folder: Path
    sandbox: Sandbox
    programs: dict[str, Program]

    def run(self, *words: str, locale: dict[str, str] = ASCII) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of one command; its words are sent in UTF-8."""
        around = {name: value for name, value in os.environ.items() if not name.startswith(("CIVITAI", "XDG_", "LC_"))}
        around |= {"CIVITAI_API_KEY": self.sandbox.api_key, "CIVITAI_KIT_API_URL": self.sandbox.url, **locale}
        around |= {"HOME": str(self.folder), "CIVITAI_KIT_API_DELAY_MS": "0", "NO_PROXY": "*"}
        return self.programs[locale["LC_ALL"]].run(words, env=around, cwd=self.folder)


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Program]]:
    """The program as each locale loads it."""
    with loaded(**ASCII) as ascii_only, loaded(**UTF8) as any_letter:
        yield {ASCII["LC_ALL"]: ascii_only, UTF8["LC_ALL"]: any_letter}


@pytest.fixture
def shell(tmp_path: Path, civitai_sandbox: Sandbox, programs: dict[str, Program]) -> Shell:
    """A shell beside a site that has a model with a name in Chinese characters."""
    world = civitai_sandbox.world
    version = world.add_version(world.add_model("漢字モデル", id=MODEL), "版一")
    world.add_file(version, "漢字.safetensors")
    return Shell(tmp_path, civitai_sandbox, programs)


@pytest.mark.parametrize("save_path", ["downloads", "保存"])
def test_names_in_any_script_come_to_disk_as_under_any_other_locale(save_path: str, shell: Shell) -> None:
    words = ("--save-path", save_path, "--json")
    code, out, err = shell.run("download", str(MODEL), "--yes", "--metadata", *words)
    assert code == 0 and b"error" not in err and json.loads(out)["data"]["downloaded"][0]["path"] == PLACE
    assert (shell.folder / save_path / PLACE).is_file()
    assert (shell.folder / save_path / PLACE).with_suffix(".json").is_file()
    for locale in (ASCII, UTF8):
        code, out, _ = shell.run("db", "verify", *words, locale=locale)
        assert (code, json.loads(out)["data"]["counts"]["ok"]) == (0, 1)
        code, out, _ = shell.run("download", str(MODEL), "--yes", *words, locale=locale)
        assert (code, json.loads(out)["data"]["skipped"][0]["reason"]) == (0, "have")


def test_a_folder_that_a_settings_file_names_is_the_one_that_is_meant(shell: Shell) -> None:
    (shell.folder / "config.toml").write_text('save_path = "保存"\n', encoding="utf-8")
    code, _, err = shell.run("download", str(MODEL), "--yes")
    assert code == 0 and b"error" not in err
    assert (shell.folder / "保存" / PLACE).is_file()


def test_what_clean_and_delete_remove_is_found_again(shell: Shell) -> None:
    shell.run("download", str(MODEL), "--yes")
    shell.run("torrent", "--announce", "http://t.example/a")
    code, out, _ = shell.run("clean", "--torrents", "--json")
    assert (code, json.loads(out)["data"]["removed"]) == (0, [PLACE.replace(".safetensors", ".torrent")])
    code, out, _ = shell.run("db", "delete", "--model-id", str(MODEL), "--yes", "--json")
    assert (code, json.loads(out)["data"]["removed"]) == (0, [PLACE])
    assert not (shell.folder / "downloads/lora").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("scan", str(MODEL), "-o", "計画.json"),
        ("scan", "漢字"),
        ("scan", "--query", "漢字"),
        ("tags", "--output", "札.txt"),
        ("db", "view"),
    ],
)
def test_no_letter_makes_an_output_fail(words: tuple[str, ...], shell: Shell) -> None:
    code, out, err = shell.run(*words)
    assert code == (2 if words[1:] == ("漢字",) else 0)
    assert b"nforeseen" not in err and b"Traceback" not in err and (out + err).isascii()
    named = [word for word in words if not word.isascii() and "--query" not in words]
    assert all(word.encode("ascii", "backslashreplace") in out + err for word in named)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take names in UTF-8 alone")
@pytest.mark.parametrize("name", [b"\xff.safetensors", "漢字.safetensors".encode()])
@pytest.mark.parametrize("locale", [ASCII, UTF8])
def test_a_file_whose_name_the_locale_cannot_read_is_one_of_the_library(
    locale: dict[str, str], name: bytes, shell: Shell
) -> None:
    folder = shell.folder / "集"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"\x10" + bytes(7) + b"{}" + b" " * 14)
    for hashed in (24, 0):
        code, out, _ = shell.run("library", "scan", "集", "--json", locale=locale)
        data = json.loads(out)["data"]
        assert (code, data["counts"]["missing"], data["bytes"]) == (0, 1, hashed)
    assert name in (shell.folder / "downloads/library/missing_from_civitai.txt").read_bytes()
    assert shell.run("library", "pages", locale=locale)[0] == 0


@pytest.mark.parametrize("locale", [ASCII, UTF8])
def test_a_word_that_was_typed_is_asked_for_as_it_was_meant(locale: dict[str, str], shell: Shell) -> None:
    code, out, _ = shell.run("scan", "--query", "漢字", "--json", locale=locale)
    assert (code, [item["model_id"] for item in json.loads(out)["data"]["items"]]) == (0, [MODEL])


def test_a_plan_of_a_folder_with_such_names_is_carried_out(shell: Shell) -> None:
    shell.run("scan", str(MODEL), "-o", "計画.json", locale=UTF8)
    assert shell.run("download", "--plan", "計画.json", "--yes")[0] == 0
    assert (shell.folder / "downloads" / PLACE).is_file()
