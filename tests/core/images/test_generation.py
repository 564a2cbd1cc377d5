"""Generation data: which model it names, the text made of it, the workflow in it; prompts and tags."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.images.generation import (
    clue_of,
    generation_of,
    meta_text,
    no_meta_text,
    prompt_of,
    workflow_in_png,
    workflow_of,
)
from civitai_kit.core.images.prompts import Match, matches, same_tag, stands_in
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.urls import picture_urls

# Recorded answers, where this machine has them.
RECORDS = Path(__file__).parents[4] / "shared" / "data" / "image-item"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
LORA = {"type": "lora", "modelVersionId": 1}
METAS = st.dictionaries(st.text() | st.sampled_from(["Model", "prompt", "resources", "civitaiResources"]), JSON)


def image(meta: Any) -> Image:
    """An image with these generation data."""
    return Image.model_validate({"id": 1, "meta": meta})


@pytest.mark.parametrize("meta", [None, {}, {"prompt": ""}, {"prompt": " ", "seed": None, "resources": []}])
def test_blank_data_is_none(meta: Any) -> None:
    assert generation_of(image(meta)) is None


@given(METAS)
def test_whatever_the_site_sends_gives_a_clue_and_a_text_of_one_line_a_key(meta: dict[str, Any]) -> None:
    read = image(meta)
    clue_of(read.meta or {})
    prompt_of(read)
    text = meta_text(meta, None)
    kept = [key for key in meta if key != "Model" or clue_of({"Model": meta["Model"]}).name]
    assert len(text.split("\n")) == max(1, len(kept))


@pytest.mark.parametrize(
    ("meta", "name"),
    [
        ({"Model": "dreamMix"}, "dreamMix"),
        ({"Model": "  a\n b "}, "a b"),
        ({"Model": 15}, "15"),
        ({"Model": ""}, None),
        ({"Model": "Unknown"}, None),
        ({"Model": None}, None),
        ({"Model": ["x"]}, None),
        ({"Model": "urn:air:sdxl:checkpoint:civitai:101055@128078"}, None),
        ({"Model": "urn_air_sdxl_checkpoint_civitai_101055@128078"}, None),
    ],
)
def test_a_name_is_one_only_when_it_names_something(meta: dict[str, Any], name: str | None) -> None:
    assert clue_of(meta).name == name


@pytest.mark.parametrize(
    ("meta", "ids"),
    [
        ({"Model": "urn:air:sdxl:checkpoint:civitai:101055@128078"}, (128078,)),
        ({"Model": "urn_air_sdxl_checkpoint_civitai_101055@128078"}, (128078,)),
        (
            {"civitaiResources": [{"type": "lora", "modelVersionId": 1}, {"type": "Checkpoint", "modelVersionId": 2}]},
            (2,),
        ),
        ({"civitaiResources": [{"modelVersionId": 3, "weight": 1}]}, (3,)),
        (
            {
                "civitaiResources": [
                    {
                        "type": "ImageJobNetworkParams { Strength = 1, TriggerWord = , Type = Lora }",
                        "modelVersionId": 4,
                    },
                    {"type": "checkpoint", "modelVersionId": "5"},
                ]
            },
            (5,),
        ),
        ({"Model": "named", "civitaiResources": [{"type": "checkpoint", "modelVersionId": 6}]}, ()),
        ({"civitaiResources": [{"type": "checkpoint", "modelVersionId": -6}, None, 3]}, ()),
    ],
)
def test_the_checkpoint_among_the_resources_is_found_by_its_id(meta: dict[str, Any], ids: tuple[int, ...]) -> None:
    assert clue_of(meta).version_ids == ids


def test_the_plainer_list_of_resources_names_a_model_too() -> None:
    resources = [{"type": "lora", "name": "no"}, {"type": "model", "name": "SleipnirV2.7"}]
    assert clue_of({"resources": resources}).plain == "SleipnirV2.7"


def test_a_name_that_was_found_leads_the_text_and_replaces_one_that_is_none() -> None:
    meta = {"prompt": "a\r\n\nb", "Model": "urn:air:x", "seed": 1}
    assert meta_text(meta, "Dream") == "Model: Dream\nprompt: a b\nseed: 1"
    assert meta_text({"Model": "Own", "seed": None}, "Dream") == "Model: Own\nseed: "
    assert no_meta_text("https://x/images/1") == "No metadata available.\nURL: https://x/images/1"


def test_workflows_are_read_from_comfy_texts_and_png_chunks() -> None:
    graph = {"nodes": [1]}
    assert workflow_of({"comfy": json.dumps({"workflow": graph, "prompt": {"1": {}}})}) == graph
    assert workflow_of({"comfy": {"workflow": {}, "prompt": {"1": {}}}}) == {"1": {}}
    assert workflow_of({"comfy": "[" * 100_000}) is None
    assert workflow_of({"comfy": None}) is None
    text = json.dumps(graph).encode()
    packed = b"workflow\0\0" + zlib.compress(text)
    international = b"workflow\0\1\0\0\0" + zlib.compress(text)
    for kind, payload in ((b"tEXt", b"workflow\0" + text), (b"zTXt", packed), (b"iTXt", international)):
        assert workflow_in_png(png(kind, payload)) == graph
    assert workflow_in_png(png(b"tEXt", b"parameters\0a prompt")) is None


def png(kind: bytes, payload: bytes) -> bytes:
    """A PNG's signature and one chunk."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(payload)) + kind + payload + bytes(4)


@given(st.binary())
def test_no_bytes_trip_the_search_for_a_workflow(data: bytes) -> None:
    for found in (workflow_in_png(data), workflow_in_png(b"\x89PNG\r\n\x1a\n" + data)):
        assert found is None or json.dumps(found)


@pytest.mark.parametrize(
    ("tag", "prompt", "there"),
    [
        ("line art", "clean LINE drawing, art", True),
        ("Line_Art", "lineart", True),
        ("line art", "a line", False),
        ("sci-fi", "a sci fi city", False),
        ("straße", "STRASSE", True),
        ("x", "", False),
    ],
)
def test_every_word_of_a_tag_must_stand_in_the_prompt(tag: str, prompt: str, there: bool) -> None:
    assert stands_in(tag, prompt) is there


def test_a_filter_says_by_what_an_image_passed() -> None:
    assert matches(("Line_Art", "house"), ("line art", "House"), None) is Match.TAG
    assert matches(("line art", "sea"), ("line art",), "by the sea") is Match.PROMPT
    assert matches(("line art", "sea"), ("line art",), None) is None
    assert same_tag("Sci_Fi", "sci fi")


def test_variants_ask_for_the_original_the_resized_picture_and_of_clips_for_the_clip() -> None:
    root = "https://image.civitai.com/acct/uuid"
    assert picture_urls(f"{root}/width=10240/a.jpeg", "image", resized=False) == (f"{root}/original=true/a.jpeg",)
    assert picture_urls(f"{root}/original=true/a.jpeg", "image", resized=True) == (f"{root}/width=1200/a.jpeg",)
    clip = picture_urls(f"{root}/original=true/a.mp4", "video", resized=False)
    assert clip == (f"{root}/original=true,quality=100/a.mp4", f"{root}/transcode=true,width=1200/a.mp4")
    assert picture_urls("https://elsewhere/x.png", "image", resized=False) == ("https://elsewhere/x.png",)


@pytest.mark.skipif(not RECORDS.exists(), reason="no recorded answers here")
def test_recorded_items_have_a_text_and_a_clue() -> None:
    seen = 0
    for path in sorted(RECORDS.glob("*.json")):
        item = Image.model_validate(json.loads(path.read_text(encoding="utf-8")))
        meta = generation_of(item)
        if meta is not None:
            clue = clue_of(meta)
            assert clue.name or clue.version_ids or clue.plain or item.base_model or "civitaiResources" not in meta
            assert meta_text(meta, None).count("\n") <= len(meta)
            seen += 1
    assert seen > 10
