"""Merging: what people and other programs noted stays, and what comes out can always be read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.sidecars.about import About, ByHand, read_object
from civitai_kit.core.sidecars.formats import FORMATS, format_named
from civitai_kit.core.sidecars.merging import Format, NotMerged, merge, merged_sidecar
from civitai_kit.core.sidecars.reading import about_from
from tests.core.sidecars.test_formats import ABOUT, ALL, JSON, KEYS, SHA, VERSION, written

INFO, LM, SM = (format_named(name) for name in ("civitai.info", "lora-manager", "stability-matrix"))
A1111 = format_named("a1111")
UNKNOWN = About(path=ABOUT.path, size=9, modified=1.5, sha256=SHA, words=("from its header",))


@pytest.mark.parametrize(
    "mark", [{"skeleton_file": True}, {"extensions": {"sd_civitai_helper": {"version": "1", "skeleton_file": True}}}]
)
def test_a_placeholder_becomes_the_version_once_it_is_known(mark: dict[str, Any]) -> None:
    held = {"id": "", "modelId": "", "name": "model (3)", "trainedWords": [], "baseModel": "Unknown", "own": 1, **mark}
    assert about_from(INFO, held, ABOUT.path, None) is None
    found = written(INFO, held)
    assert (found["id"], found["baseModel"], found["own"]) == (12, "Pony", 1)
    assert about_from(INFO, found, ABOUT.path, SHA) is not None
    assert merged_sidecar(INFO, UNKNOWN, json.dumps(held).encode()) == json.dumps(held).encode()


def test_where_a_program_put_a_picture_stays_noted() -> None:
    held = {"id": 12, "images": [{"url": "https://x/0.jpeg"}, {"url": "https://x/1.jpeg", "local_file": "a.example.1"}]}
    [image] = written(INFO, held)["images"]
    assert image == {"url": "https://x/1.jpeg", "nsfwLevel": 4, "local_file": "a.example.1"}


def test_trigger_words_of_ones_own_stay_beside_those_of_the_site() -> None:
    held = {"sha256": SHA, "civitai": {"id": 12, "trainedWords": ["mine", "one"], "customImages": [{"id": "x"}]}}
    answer = written(LM, held)["civitai"]
    assert (answer["trainedWords"], answer["customImages"]) == (["mine", "one", "two words"], [{"id": "x"}])


def test_a_creator_that_is_a_text_is_replaced_by_one_that_is_known() -> None:
    assert written(INFO, {"id": 12, "creator": "{}"})["creator"] == "{}"
    assert written(LM, {"civitai": {"creator": "{}"}})["civitai"]["creator"] == {"username": "ann"}


@pytest.mark.parametrize(
    ("form", "held"),
    [
        (LM, {"from_civitai": True, "civitai_deleted": True, "metadata_source": "civarchive", "last_checked_at": 5.0}),
        (LM, {"base_model": "Pony", "civitai": {"id": 9}, "hash_status": "completed", "tags": ["x"]}),
        (SM, {"VersionId": 9, "Nsfw": True, "ModelType": "LORA", "Source": "CivArchive", "TrainedWords": ["w"]}),
        (INFO, {"id": 9, "name": "v1"}),
        (A1111, {"modelId": 4, "modelVersionId": 9, "sd version": "SDXL"}),
    ],
)
def test_what_we_do_not_know_takes_nothing_away(form: Format, held: dict[str, Any]) -> None:
    found = written(form, held, UNKNOWN)
    assert {key: found[key] for key in held if key != "TrainedWords"} == {
        key: value for key, value in held.items() if key != "TrainedWords"
    }
    assert set(held.get("TrainedWords", ())) <= set(found.get("TrainedWords", ()))


def test_nothing_is_written_where_nothing_is_known_of_the_version() -> None:
    assert merged_sidecar(INFO, UNKNOWN, None) is None


def test_when_the_site_was_asked_is_noted_only_when_it_was() -> None:
    asked = replace(ABOUT, asked_at="2026-11-27T10:00:00+00:00", is_gone=True)
    first = written(LM, None, asked)
    assert (first["last_checked_at"], first["civitai_deleted"]) == (1795773600.0, True)
    assert written(LM, first, ABOUT) == first
    assert written(LM, first, replace(asked, is_gone=False))["civitai_deleted"] is False


def test_a_name_that_stood_for_want_of_one_makes_room() -> None:
    first = written(LM, None, UNKNOWN)
    assert first["model_name"] == "model (3)"
    assert written(LM, first)["model_name"] == "A Model"
    assert written(LM, {**first, "model_name": "Mine"})["model_name"] == "Mine"


@pytest.mark.parametrize(
    ("form", "held"),
    [
        (A1111, {"activation text": "x", "sha256": "EF" * 32}),
        (A1111, {"activation text": "x", "modelVersionId": 99}),
        (A1111, {"id": 99, "files": [], "trainedWords": ["x"]}),
        (A1111, {"id": 99, "modelVersions": []}),
        (SM, {"VersionId": 12, "Hashes": {"SHA256": "EF" * 32}}),
        (LM, {"sha256": "", "civitai": {"id": 99}}),
    ],
)
def test_a_sidecar_of_another_file_with_this_stem_is_left_as_it_is(form: Format, held: dict[str, Any]) -> None:
    with pytest.raises(NotMerged):
        written(form, held)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_half_characters_and_odd_file_names_give_what_can_be_read_again(form: Format) -> None:
    about = replace(ABOUT, path="/m/od\udcffd.safetensors")
    content = merged_sidecar(form, about, b'{"own": "\\ud800"}')
    assert content is not None and content.decode()
    found = read_object(content)
    assert found is not None and found["own"] == "\ud800"
    assert merged_sidecar(form, about, content) == content


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
@pytest.mark.parametrize("content", [b'{"x": NaN}', b'{"x": 1e999}', b'{"x": ' * 1200 + b"1" + b"}" * 1200])
def test_what_could_not_be_written_back_as_it_is_stays(form: Format, content: bytes) -> None:
    with pytest.raises(NotMerged):
        merged_sidecar(form, ABOUT, content)


@pytest.mark.parametrize(("source", "target"), [(A1111, LM), (LM, A1111)])
def test_what_somebody_noted_goes_along(source: Format, target: Format) -> None:
    noted = replace(ABOUT, by_hand=ByHand(notes="for faces", weight=0.7))
    about = about_from(source, written(source, None, noted), ABOUT.path, SHA)
    assert about is not None and about.by_hand == noted.by_hand
    again = about_from(target, written(target, None, about), ABOUT.path, SHA)
    assert again is not None and again.by_hand == noted.by_hand


@pytest.mark.parametrize(
    ("held", "words", "base", "described"),
    [
        ({"activation text": "a, b || c, ", "sd version": "SDXL"}, ("a, b", "c"), None, None),
        ({"activation text": " a ,, b", "sd version": "Illustrious"}, ("a", "b"), "Illustrious", None),
        ({"description": "1 < 2\nso"}, (), None, "1 &lt; 2<br>so"),
        ({"notes": "only these"}, (), None, None),
    ],
)
def test_what_stands_in_a1111s_own_keys_is_read(
    held: dict[str, Any], words: tuple[str, ...], base: str | None, described: str | None
) -> None:
    about = about_from(A1111, held, ABOUT.path, SHA)
    assert about is not None
    assert (about.trigger_words, about.said.base_model, about.model.get("description")) == (words, base, described)


@pytest.mark.parametrize("weight", [True, "0.7", 0, float("nan"), None, []])
def test_what_is_no_weight_is_none(weight: object) -> None:
    about = about_from(A1111, {"notes": "n", "preferred weight": weight}, ABOUT.path, SHA)
    assert about is not None and about.by_hand.weight is None


@given(st.dictionaries(KEYS, JSON, max_size=6), st.dictionaries(KEYS, JSON, max_size=6), st.frozensets(KEYS))
def test_merging_twice_is_merging_once(old: dict[str, Any], new: dict[str, Any], by_hand: frozenset[str]) -> None:
    once = merge(old, new, by_hand)
    assert merge(once, new, by_hand) == once
    assert old.keys() | new.keys() == once.keys()


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["id", "url", "own", "name"]), st.integers(0, 2) | st.sampled_from("ab")),
    max_size=4,
)


@given(ROWS, ROWS)
def test_lists_of_objects_are_those_of_the_site_each_time(old: list[Any], new: list[Any]) -> None:
    once = merge({"x": old}, {"x": new})
    assert merge(once, {"x": new}) == once
    for got, row in zip(once["x"], new, strict=False):
        assert all(got[key] == value for key, value in row.items() if value)


@given(st.sampled_from(ALL), st.dictionaries(KEYS, JSON, max_size=8), st.sampled_from([None, SHA]))
def test_whatever_one_says_every_other_can_be_made_of_it(
    source: Format, held: dict[str, Any], sha256: str | None
) -> None:
    about = about_from(source, {**held}, ABOUT.path, sha256)
    if about is None:
        return
    for target in FORMATS.values():
        first = merged_sidecar(target, about, None)
        if first is not None:
            assert merged_sidecar(target, about, first) == first
            about_from(target, json.loads(first), ABOUT.path, sha256)


def test_a_version_in_a_whole_model_keeps_the_model() -> None:
    about = about_from(A1111, {"id": 7, "name": "A Model", "modelVersions": [VERSION]}, ABOUT.path, SHA)
    assert about is not None and (about.model_name, about.said.id, about.model_id) == ("A Model", 12, 7)


EDITED = "ee" * 32
TENSORS = "f" * 64


def edited(**hashes: str) -> About:
    """The file after a program rewrote its header: another SHA256, the same tensors."""
    file = {"id": 3, "name": "a.safetensors", "hashes": {"SHA256": SHA, "AutoV3": TENSORS[:12].upper(), **hashes}}
    return replace(ABOUT, sha256=EDITED, auto_v3=TENSORS, version={**VERSION, "files": [file]})


@pytest.mark.parametrize("form", [A1111, LM, SM])
def test_a_sidecar_stays_a_files_own_when_only_its_header_was_rewritten(form: Format) -> None:
    before = {**written(form), "notes": "mine"}
    assert written(form, before, edited())["notes"] == "mine"
    assert EDITED in json.dumps(written(form, before, edited())).lower()
    with pytest.raises(NotMerged):
        written(form, before, edited(AutoV3="0" * 12))


def test_lora_manager_says_of_which_tensors_a_file_is() -> None:
    noted = {"sha256": SHA, "autov3": TENSORS[:12], "notes": "mine"}
    unknown = About(path=ABOUT.path, sha256=EDITED, auto_v3=TENSORS)
    assert written(LM, noted, unknown)["autov3"] == TENSORS[:12]
    found = about_from(LM, noted, ABOUT.path, EDITED, TENSORS)
    assert found is not None and (found.by_hand.notes, found.sha256) == ("mine", EDITED)
    assert about_from(LM, noted, ABOUT.path, EDITED, "0" * 64) is None
    assert about_from(INFO, edited().version, ABOUT.path, EDITED, TENSORS) is not None
