"""`catalog map`, `add`, `promote`, `remove`: two files that others read too, never lost and never overwritten."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.sandbox.worlds.records import WorldVersion
from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run
from tests.program import Program, Running

CATALOG = Path("downloads/catalog")


def catalog(name: str) -> dict[str, Any]:
    found = json.loads((CATALOG / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def versions_in(name: str) -> list[int]:
    if not (CATALOG / name).exists():
        return []
    return [entry["civitai_version_id"] for one in catalog(name)["categories"] for entry in one["models"]]


def a_version(sandbox: Sandbox, name: str = "Some LoRA", type: str = "LORA", **fields: Any) -> WorldVersion:
    model = sandbox.world.add_model(name, type=type)
    version = sandbox.world.add_version(model, "v2", **fields)
    sandbox.world.add_file(version, "some.safetensors", metadata={"fp": "fp16", "format": "SafeTensor"})
    return version


def test_a_version_is_added_once_with_what_other_programs_read(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox, base_model="Pony", trained_words=["word"])
    ran = at_sandbox("catalog", "add", str(version.id), "--json")
    assert (ran.code, ran.data) == (
        0,
        {
            "status": "added",
            "file": "some.safetensors",
            "name": "Some LoRA v2 [Pony FP16]",
            "category": "loras",
            "dest": "loras",
        },
    )
    [category] = catalog("models.json")["categories"]
    [entry] = category["models"]
    assert (category["id"], category["name"], catalog("models.json")["version"]) == ("loras", "Loras", 1)
    assert (entry["civitai_model_id"], entry["source"], entry["tags"]) == (version.model_id, "civitai", [])
    assert entry["trigger_words"] == ["word"] and entry["hash"] == version.files[0].body.digests["SHA256"]
    again = at_sandbox("catalog", "add", f"v_{version.id}", "--json")
    assert (again.code, again.data) == (0, {"status": "already_exists", "file": "some.safetensors"})


@pytest.mark.parametrize(
    ("type", "base", "category"),
    [
        ("Checkpoint", "SDXL 1.0", "checkpoints"),
        ("Checkpoint", "Wan Video 14B t2v", "diffusion_models"),
        ("Checkpoint", "Flux.1 Krea", "diffusion_models"),
        ("Checkpoint", "LTXV2", "diffusion_models"),
        ("Checkpoint", "Hunyuan 1", "checkpoints"),
        ("LORA", "Flux.1 D", "loras"),
        ("DoRA", "Pony", "loras"),
        ("Wildcards", "Other", "wildcards"),
        ("SomethingNew", "Other", "other"),
    ],
)
def test_type_and_base_model_say_where_it_belongs(
    at_sandbox: Run, civitai_sandbox: Sandbox, type: str, base: str, category: str
) -> None:
    version = a_version(civitai_sandbox, type=type, base_model=base)
    assert at_sandbox("catalog", "add", str(version.id), "--json").data["category"] == category


def test_no_text_of_the_site_breaks_the_file_that_it_is_written_to(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox, name="half \ud83d a pair", trained_words=["\udc00"])
    assert at_sandbox("catalog", "add", str(version.id), "--json").code == 0
    assert at_sandbox("catalog", "add", str(a_version(civitai_sandbox, name="漢字").id), "--json").code == 0
    assert len(at_sandbox("catalog", "map", "--json").data["by_version"]) == 2


@pytest.mark.parametrize("name", ["x.part", "X.TMP", "x-magnet.txt", ".civitai-kit.lock"])
def test_no_entry_gets_a_name_of_ours(at_sandbox: Run, civitai_sandbox: Sandbox, name: str) -> None:
    model = civitai_sandbox.world.add_model("Named", type="LORA")
    version = civitai_sandbox.world.add_version(model, "v1")
    civitai_sandbox.world.add_file(version, name)
    assert at_sandbox("catalog", "add", str(version.id), "--json").data["file"].lower() != name.lower()


def test_what_may_not_be_downloaded_is_not_added(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox, usage_control="Generation")
    ran = at_sandbox("catalog", "add", str(version.id), "--json")
    assert (ran.code, ran.data["status"], versions_in("models.json")) == (3, "restricted", [])
    assert at_sandbox("catalog", "add", "999999999", "--json").code == 4


def test_the_map_says_what_is_there(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox)
    at_sandbox("catalog", "add", str(version.id), "--json")
    row = at_sandbox("catalog", "map", "--json").data["by_version"][str(version.id)]
    assert (row["status"], row["catalog"], row["dest"]) == ("missing", "models", "loras")
    done = at_sandbox("catalog", "add", str(version.id), "--download", "--json")
    assert done.code == 0, done.out
    found = at_sandbox("catalog", "map", "--json").data
    size = Path("downloads/loras/some.safetensors").stat().st_size
    assert found["by_version"][str(version.id)]["status"] == "present"
    assert found["by_version"][str(version.id)]["size_disk"] == size
    assert found["by_model"] == {str(version.model_id): [version.id]}
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"ok": 1}


def test_a_file_that_is_here_already_is_linked_to_its_place_in_the_catalog(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    version = a_version(civitai_sandbox)
    had = at_sandbox("download", "--model-version-id", str(version.id), "-y", "--json").data["downloaded"][0]["path"]
    done = at_sandbox("catalog", "add", str(version.id), "--download", "--json")
    assert (done.code, done.data["linked"]) == (0, ["loras/some.safetensors"])
    assert Path("downloads", had).samefile("downloads/loras/some.safetensors")
    found = at_sandbox("catalog", "map", "--json").data["by_version"][str(version.id)]
    assert found["status"] == "present"
    again = at_sandbox("catalog", "add", str(version.id), "--download", "--json")
    assert (again.code, again.data["linked"]) == (0, [])
    assert at_sandbox("db", "verify", "--json").data["findings"][0]["path"] == had


def test_a_lora_is_promoted_in_one_step_and_never_added_again(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox, base_model="Illustrious")
    at_sandbox("catalog", "add", str(version.id), "--json")
    ran = at_sandbox("catalog", "promote", str(version.id), "--json")
    assert (ran.code, ran.data["status"], ran.data["category"]) == (0, "promoted", "sdxl_loras")
    assert (versions_in("models.json"), versions_in("loras.json")) == ([], [version.id])
    assert at_sandbox("catalog", "promote", str(version.id), "--json").data == {"status": "already_exists"}
    assert at_sandbox("catalog", "add", str(version.id), "--json").data["status"] == "already_exists"
    assert at_sandbox("catalog", "promote", "1", "--json").code == 4
    other = a_version(civitai_sandbox, name="Base", type="Checkpoint", base_model="SDXL 1.0")
    at_sandbox("catalog", "add", str(other.id), "--json")
    assert at_sandbox("catalog", "promote", str(other.id), "--json").code == 2


def test_a_promotion_that_a_crash_cut_in_two_is_finished_by_the_next_change(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    version = a_version(civitai_sandbox)
    at_sandbox("catalog", "add", str(version.id), "--json")
    before = (CATALOG / "models.json").read_bytes()
    at_sandbox("catalog", "promote", str(version.id), "--json")
    (CATALOG / "models.json").write_bytes(before)
    assert list(at_sandbox("catalog", "map", "--json").data["by_version"]) == [str(version.id)]
    assert at_sandbox("catalog", "promote", str(version.id), "--json").data == {"status": "already_exists"}
    assert (versions_in("models.json"), versions_in("loras.json")) == ([], [version.id])


def test_an_entry_stays_while_its_file_is_there(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    version = a_version(civitai_sandbox)
    at_sandbox("catalog", "add", str(version.id), "--download", "--json")
    refused = at_sandbox("catalog", "remove", "some.safetensors", "--json")
    assert (refused.code, versions_in("models.json")) == (2, [version.id])
    Path("downloads/loras/some.safetensors").unlink()
    assert at_sandbox("catalog", "remove", "some.safetensors", "--json").data["status"] == "removed"
    assert (versions_in("models.json"), catalog("models.json")["version"]) == ([], 2)
    assert at_sandbox("catalog", "remove", "some.safetensors", "--json").code == 4
    assert at_sandbox("catalog", "remove", "../models.json", "--json").code == 2


def test_what_other_programs_wrote_is_kept(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    CATALOG.mkdir(parents=True)
    mine = {"version": "seven", "mine": 1, "categories": [{"id": "x", "note": "n", "models": [{"file": "a", "k": 1}]}]}
    (CATALOG / "models.json").write_text(json.dumps(mine), encoding="utf-8")
    at_sandbox("catalog", "add", str(a_version(civitai_sandbox).id), "--json")
    found = catalog("models.json")
    assert (found["mine"], found["categories"][0]) == (1, mine["categories"][0])  # type: ignore[index]


NEWER = '{"schema": 2, "items": [{"file": "x"}]}'


@pytest.mark.parametrize(
    "content", ["{", "[]", NEWER, '{"categories": 3}', '{"categories": [{"models": [3]}]}', "\x00"]
)
def test_a_broken_catalog_is_refused_and_never_overwritten(
    at_sandbox: Run, civitai_sandbox: Sandbox, content: str
) -> None:
    CATALOG.mkdir(parents=True)
    (CATALOG / "models.json").write_text(content, encoding="utf-8")
    for words in (("map",), ("add", str(a_version(civitai_sandbox).id)), ("promote", "1"), ("remove", "x")):
        ran = at_sandbox("catalog", *words, "--json")
        assert (ran.code, "models.json" in ran.document["errors"][0]["message"]) == (10, True)
    assert (CATALOG / "models.json").read_text(encoding="utf-8") == content


@pytest.mark.parametrize("option", ["--catalog-dir", "--models-dir", "--save-path"])
def test_a_folder_that_is_a_file_is_said(at_sandbox: Run, option: str) -> None:
    Path("taken").write_text("mine", encoding="utf-8")
    ran = at_sandbox("catalog", "map", "--json", option, "taken")
    assert (ran.code, option in ran.document["errors"][0]["hint"]) == (9, True)


def test_of_many_at_once_and_a_kill_among_them_nothing_is_lost_and_nothing_stands_twice(
    at_sandbox: Run, civitai_sandbox: Sandbox, program: Program
) -> None:
    versions = [a_version(civitai_sandbox, name=f"LoRA {number}") for number in range(6)]

    def start(word: str) -> list[Running]:
        return [program.start(["catalog", word, str(version.id), "--json"]) for version in versions]

    for process in start("add"):
        process.communicate()
        assert process.returncode == 0
    assert sorted(versions_in("models.json")) == sorted(version.id for version in versions)
    running = start("promote")
    deadline = time.monotonic() + 30
    while not versions_in("loras.json") and time.monotonic() < deadline:
        pass
    running[-1].send_signal(signal.SIGKILL)
    for process in running:
        process.communicate()
    at_sandbox("catalog", "promote", str(versions[-1].id), "--json")
    assert (versions_in("models.json"), sorted(versions_in("loras.json"))) == ([], sorted(one.id for one in versions))
