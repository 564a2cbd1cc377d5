"""Sidecars of other programs: every format says what its program needs, and what people wrote stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import UsageError
from civitai_kit.core.sidecars.about import About
from civitai_kit.core.sidecars.formats import FORMATS, format_named
from civitai_kit.core.sidecars.merging import Format, NotMerged, merged_sidecar, sidecar_of
from civitai_kit.core.sidecars.reading import about_from

SHA = "ab" * 32
VERSION: dict[str, Any] = {
    "id": 12,
    "modelId": 7,
    "name": "v2",
    "baseModel": "Pony",
    "trainedWords": ["one", "two words"],
    "description": "<p>Use <b>it</b></p><script>x</script>",
    "files": [{"id": 3, "name": "a.safetensors", "primary": True, "hashes": {"SHA256": SHA.upper()}}],
    "images": [{"url": "https://x/1.jpeg", "nsfwLevel": 4}],
    "model": {"name": "A Model", "type": "LORA", "nsfw": False, "poi": False},
}
MODEL = {"id": 7, "name": "A Model", "tags": ["anime"], "description": "<p>Long</p>", "creator": {"username": "ann"}}
ABOUT = About(
    path="/m/model (3).safetensors", size=9, modified=1.5, sha256=SHA, blake3="cd" * 32, version=VERSION, model=MODEL
)
ALL = list(FORMATS.values())


def written(form: Format, old: object = None, about: About = ABOUT) -> dict[str, Any]:
    content = merged_sidecar(form, about, None if old is None else json.dumps(old).encode())
    assert content is not None
    found = json.loads(content)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("civitai.info", "/m/model (3).civitai.info"),
        ("a1111", "/m/model (3).json"),
        ("lora-manager", "/m/model (3).metadata.json"),
        ("stability-matrix", "/m/model (3).cm-info.json"),
        ("swarm", "/m/model (3).swarm.json"),
    ],
)
def test_each_lies_where_its_program_looks(name: str, path: str) -> None:
    assert sidecar_of(ABOUT.path, format_named(name)) == path


def test_a_misspelt_format_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        format_named("lora-manger")
    assert "lora-manager" in (caught.value.hint or "")


def test_each_says_what_its_program_needs() -> None:
    info, a1111, lm, sm, swarm = (written(form) for form in ALL)
    assert (info["id"], info["modelId"], info["model"]["type"], info["model"]["tags"]) == (12, 7, "LORA", ["anime"])
    assert (a1111["sd version"], a1111["activation text"], a1111["description"]) == ("SDXL", "one, two words", "Use it")
    assert (lm["sha256"], lm["file_name"], lm["model_name"], lm["base_model"]) == (SHA, "model (3)", "A Model", "Pony")
    assert lm["civitai"]["id"] == 12 and lm["preview_nsfw_level"] == 4 and lm["from_civitai"] is True
    assert (sm["ModelId"], sm["VersionId"], sm["ModelType"], sm["Source"]) == (7, 12, "LORA", "Civitai")
    assert sm["Hashes"]["SHA256"] == SHA.upper() and sm["Hashes"]["BLAKE3"] == "CD" * 32
    assert all(sm[key] is not None for key in ("ModelName", "ModelDescription", "Nsfw", "Tags", "VersionName"))
    assert swarm["modelspec.trigger_phrase"] == "one; two words" and swarm["modelspec.usage_hint"] == "Pony"


@pytest.mark.parametrize(
    ("name", "mine"),
    [
        ("a1111", {"activation text": "mine", "preferred weight": 0.7, "notes": "n", "vae": "x"}),
        ("lora-manager", {"model_name": "Mine", "notes": "n", "favorite": True, "usage_tips": '{"strength": 0.8}'}),
        ("stability-matrix", {"UserTitle": "Mine", "ImportedAt": "2024-01-01T00:00:00+00:00", "Extra": 1}),
        ("swarm", {"modelspec.title": "Mine", "own": [1]}),
        ("civitai.info", {"id": 12, "extensions": {"sd_civitai_helper": {"version": "1"}}}),
    ],
)
def test_what_somebody_wrote_by_hand_stays(name: str, mine: dict[str, Any]) -> None:
    found = written(format_named(name), mine)
    assert {key: found[key] for key in mine} == mine
    assert len(found) > len(mine)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_writing_again_changes_nothing(form: Format) -> None:
    first = merged_sidecar(form, ABOUT, None)
    assert merged_sidecar(form, ABOUT, first) == first


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_sidecar_is_left_as_it_is(form: Format, content: bytes) -> None:
    with pytest.raises(NotMerged):
        merged_sidecar(form, ABOUT, content)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("civitai.info", {"id": 99, "name": "other"}),
        ("civitai.info", {"id": 7, "modelVersions": [{"id": 12}]}),
        ("lora-manager", {"sha256": "ef" * 32}),
        ("stability-matrix", {"VersionId": 99}),
    ],
)
def test_a_sidecar_of_another_model_is_left_as_it_is(name: str, held: dict[str, Any]) -> None:
    with pytest.raises(NotMerged):
        written(format_named(name), held)


def test_a_file_that_four_programs_share_is_merged() -> None:
    answer = {"id": 7, "modelVersions": [], "mine": 1, "description": "theirs"}
    found = written(format_named("a1111"), answer)
    assert (found["modelVersions"], found["mine"], found["description"]) == ([], 1, "theirs")
    assert found["activation text"] == "one, two words"


@pytest.mark.parametrize("source", ALL, ids=lambda form: form.name)
@pytest.mark.parametrize("target", ALL, ids=lambda form: form.name)
def test_every_form_can_be_made_from_every_other(source: Format, target: Format) -> None:
    about = about_from(source, written(source), ABOUT.path, SHA)
    assert about is not None
    if (source.name, target.name) == ("swarm", "civitai.info"):
        # It names no version, and one without an id would be taken for a placeholder.
        assert merged_sidecar(target, about, None) is None
    else:
        assert written(target, about=about)
    assert about.trigger_words == ("one", "two words")


def test_a_whole_model_in_the_place_of_a_version_is_read_by_the_hash() -> None:
    body = {"id": 7, "name": "A Model", "modelVersions": [{"id": 11, "files": []}, VERSION]}
    about = about_from(format_named("civitai.info"), body, ABOUT.path, SHA)
    assert about is not None and (about.said.id, about.model_name) == (12, "A Model")
    assert about_from(format_named("civitai.info"), body, ABOUT.path, "ef" * 32) is None


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_a_sidecar_of_other_bytes_says_nothing(form: Format) -> None:
    held = written(form)
    is_told = form.name not in ("swarm",)
    assert (about_from(form, held, ABOUT.path, "ef" * 32) is None) is is_told


def test_placeholders_say_nothing() -> None:
    info = format_named("civitai.info")
    assert about_from(info, {"skeleton_file": True, "id": 3}, ABOUT.path, None) is None
    assert about_from(info, {"id": 12, "creator": "{}"}, ABOUT.path, None) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("id", "modelId", "name", "model", "civitai", "creator", "files", "hashes", "modelVersions", "trainedWords"),
        *("VersionId", "ModelId", "Hashes", "Tags", "sha256", "description", "tags", "stats", "images", "UserTitle"),
        *("notes", "modelspec.title", "modelspec.tags"),
    ]
)


@given(st.sampled_from(ALL), st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=6))
def test_whatever_stands_there_no_unknown_key_is_lost_and_a_second_time_changes_nothing(
    form: Format, held: dict[str, Any]
) -> None:
    try:
        found = written(form, held)
    except NotMerged:
        return
    ours = form.build(ABOUT).keys()
    assert {key: value for key, value in found.items() if key not in ours} == {
        key: value for key, value in held.items() if key not in ours
    }
    assert written(form, found) == found
    about_from(form, held, ABOUT.path, SHA)
