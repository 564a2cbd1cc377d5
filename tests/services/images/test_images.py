"""Images against the sandbox: complete, right, once, remembered, and told truly."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import Code, NotWritable
from civitai_kit.core.images.placement import Layout
from civitai_kit.core.images.report import TargetStatus, Why
from civitai_kit.core.images.template import ImageTemplate
from civitai_kit.core.site.enums import ImageSort, MediaType, NsfwLevel
from civitai_kit.sandbox.worlds import media
from civitai_kit.testing import Sandbox
from tests.services.album import Album, Countdown

PAINTER = "username:gallery_painter"
FIRST = 80_000_001
# Pictures of the painter that the image host still has, of all fourteen.
THERE = 13


@pytest.fixture
def album(civitai_sandbox: Sandbox, tmp_path: Path) -> Album:
    """An empty save path over a fresh sandbox."""
    return Album(civitai_sandbox, tmp_path / "save")


# -- complete -------------------------------------------------------------------------------------------------


def test_every_picture_lands_with_the_extension_of_its_bytes(album: Album) -> None:
    row = album.row(PAINTER)
    assert (row.status, row.seen, row.downloaded, row.skipped) == (TargetStatus.COMPLETED, 14, THERE, 1)
    endings = {int(Path(path).stem): Path(path).suffix for path in album.pictures()}
    assert endings[FIRST] == ".png"
    assert endings[FIRST + 1] == ".jpeg"
    assert endings[FIRST + 2] == ".webp"
    assert endings[FIRST + 3] == ".gif"
    assert endings[FIRST + 4] == endings[FIRST + 5] == ".mp4"


def test_generation_data_is_asked_for_and_read_in_both_shapes(album: Album) -> None:
    album.fetch(PAINTER, f"image:{FIRST}")
    assert all("withMeta=true" in query for query in album.asked())
    flat = album.text(f"Username_Search/gallery_painter/dreamMixXL/{FIRST}_meta.txt")
    wrapped = album.text(f"Image_ID_Search/image_{FIRST}/dreamMixXL/{FIRST}_meta.txt")
    assert flat == wrapped
    assert flat.splitlines()[0] == "prompt: a house by the sea, line art"


def test_the_older_path_of_the_site_loses_no_image_at_the_end_of_a_page(album: Album) -> None:
    version = next(iter(album.sandbox.world.models.values())).versions[0]
    album.add(23, version_ids=[version.id], model_id=7777)
    assert album.row("model:7777", page_size=5).downloaded == 23
    assert len(album.pictures()) == 23


def test_blank_pages_with_a_cursor_do_not_end_a_listing(album: Album) -> None:
    album.add(30)
    album.sandbox.faults.add("empty_page", times=1, match="cursor=10")
    row = album.row("username:ann", page_size=10)
    assert (row.status, row.seen) == (TargetStatus.COMPLETED, 20)
    album.sandbox.faults.clear()
    assert album.row("username:ann", page_size=10).downloaded == 10


@pytest.mark.parametrize("pages_before", [0, 1])
def test_a_model_whose_listing_runs_out_of_time_is_read_version_by_version(album: Album, pages_before: int) -> None:
    world = album.sandbox.world
    model = world.add_model("Crowded", id=7777)
    for name in ("one", "two"):
        version = world.add_version(model, name)
        world.add_file(version, f"{name}.safetensors")
        for _ in range(6):
            world.add_image(version=version, username="ann")
    # Nothing tells such a page from the end (site.md 8.1).
    album.sandbox.faults.add("blank_page", times=1, match="cursor=" if pages_before else "/images?")
    report = album.fetch("model:7777", page_size=4)
    assert (report.targets[0].status, report.downloaded) == (TargetStatus.COMPLETED, 12)


def test_cursors_that_lead_in_a_circle_lose_nothing(album: Album) -> None:
    album.add(35)
    album.sandbox.faults.add("cursor_cycle", times=None, match="cursor=10")
    report = album.fetch("username:ann", page_size=10)
    assert (report.targets[0].status, report.downloaded) == (TargetStatus.COMPLETED, 35)


def test_a_feed_whose_every_cursor_leads_back_ends(album: Album) -> None:
    album.add(35)
    album.sandbox.faults.add("cursor_cycle", times=None)
    assert album.fetch("username:ann", page_size=10).downloaded == 35
    assert len(album.asked()) < 20


def test_a_feed_that_shifts_while_it_is_read_gives_nothing_twice(album: Album) -> None:
    album.add(10)
    album.heard = Countdown("FileDone", 3, lambda: album.add(4))
    album.fetch("username:ann", page_size=4, concurrency=1)
    ids = [Path(path).stem for path in album.pictures()]
    assert len(ids) == len(set(ids)) >= 10


def test_a_page_that_fails_for_good_makes_the_target_incomplete_and_the_next_run_goes_on_there(album: Album) -> None:
    album.add(50)
    album.sandbox.faults.add("server_error", times=None, match="cursor=20")
    report = album.fetch("username:ann", page_size=10)
    assert report.targets[0].status is TargetStatus.INCOMPLETE
    assert (report.downloaded, report.exit_code) == (20, 5)
    assert [row["code"] for row in report.error_rows()] == [Code.UNAVAILABLE]
    album.sandbox.faults.clear()
    album.sandbox.clear_requests()
    again = album.fetch("username:ann", page_size=10)
    assert again.targets[0].status is TargetStatus.COMPLETED
    assert again.downloaded == 30
    assert "cursor=" in album.asked()[0]
    assert len(album.pictures()) == 50
    album.sandbox.clear_requests()
    assert album.row("username:ann", page_size=10).downloaded == 0
    assert "cursor=" not in album.asked()[0]


def test_what_came_while_a_listing_was_broken_off_is_fetched_as_well(album: Album) -> None:
    album.add(30)
    album.sandbox.faults.add("server_error", times=None, match="cursor=20")
    album.fetch("username:ann", page_size=10)
    album.sandbox.faults.clear()
    album.add(3)
    assert album.fetch("username:ann", page_size=10).downloaded == 13
    assert len(album.pictures()) == 33


def test_a_broken_off_listing_in_another_order_begins_at_its_start(album: Album) -> None:
    album.add(30)
    album.sandbox.faults.add("server_error", times=None, match="cursor=20")
    album.fetch("username:ann", page_size=10)
    album.sandbox.faults.clear()
    album.sandbox.clear_requests()
    album.fetch("username:ann", page_size=10, sort=ImageSort.OLDEST)
    assert "cursor=" not in album.asked()[0]


def test_a_first_page_that_fails_fails_the_target_with_the_codes_of_its_error(album: Album) -> None:
    album.sandbox.faults.add("server_error", times=None, match="images")
    report = album.fetch("username:ann")
    assert (report.targets[0].status, report.exit_code) == (TargetStatus.FAILED, 5)


def test_a_deep_scan_gets_past_the_end_of_a_feed(album: Album) -> None:
    album.add(20)
    middle = album.add(20, version_ids=[555])
    album.add(20)
    album.sandbox.world.feed_depth = 25
    assert album.row("username:ann", page_size=5).downloaded == 25
    row = album.row("username:ann", page_size=5, deep_scan=True)
    assert row.status is TargetStatus.COMPLETED
    assert len(album.pictures()) == 60
    assert {f"{image.id}" for image in middle} <= {Path(path).stem for path in album.pictures()}


def test_a_deep_scan_of_a_feed_that_is_whole_costs_one_question_more(album: Album) -> None:
    album.add(40)
    album.row("username:ann", page_size=20, deep_scan=True)
    assert len(album.asked()) == 3


# -- right ----------------------------------------------------------------------------------------------------


def test_a_video_is_a_video_even_where_the_plain_original_is_a_still(album: Album) -> None:
    album.fetch(f"image:{FIRST + 5}")
    assert album.pictures() == [f"Image_ID_Search/image_{FIRST + 5}/videos/{FIRST + 5}.mp4"]


def test_a_clip_of_which_the_host_gives_only_a_still_is_a_failure_and_leaves_nothing(album: Album) -> None:
    still = album.add(1, type="video", content=media.webp("still"))[0]
    report = album.fetch("username:ann")
    assert [one.image_id for one in report.failed] == [still.id]
    assert album.pictures() == []


def test_resized_and_original_pictures_do_not_overwrite_each_other(album: Album) -> None:
    picture = album.add(1)[0]
    album.fetch("username:ann", quality=Quality.HD, quality_typed=True)
    album.fetch("username:ann", quality=Quality.SD, quality_typed=True)
    folder = "Username_Search/ann/dreamMix"
    assert album.pictures() == [f"{folder}/{picture.id}.png", f"{folder}/{picture.id}_sd.webp"]
    assert {record.key for record in album.records()} == {
        f"username:ann_{picture.id}_HD",
        f"username:ann_{picture.id}_SD",
    }


def test_a_picture_cut_short_never_has_its_final_name(album: Album) -> None:
    picture = album.add(1, content=media.png(64, 64))[0]
    album.sandbox.faults.add("cut", times=None, at=50)
    report = album.fetch("username:ann")
    assert [one.image_id for one in report.failed] == [picture.id]
    assert album.pictures() == []
    album.sandbox.faults.clear()
    assert album.fetch("username:ann").downloaded == 1
    assert album.pictures() == [f"Username_Search/ann/dreamMix/{picture.id}.png"]


@pytest.mark.parametrize(("brand", "ending"), [(b"heic", "heic"), (b"qt  ", "mov"), (b"M4V ", "m4v")])
def test_a_file_of_a_phone_has_its_true_ending_and_a_clip_of_it_is_a_clip(
    album: Album, brand: bytes, ending: str
) -> None:
    body = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand + b"mif1" + bytes(3000)
    kind = "image" if ending == "heic" else "video"
    picture = album.add(1, content=body, type=kind)[0]
    assert album.fetch("username:ann").downloaded == 1
    assert album.pictures() == [f"Username_Search/ann/dreamMix/{picture.id}.{ending}"]
    assert album.fetch("username:ann").reasons == {Why.HAVE: 1}


def test_a_picture_that_the_site_no_longer_has_is_a_reason_and_no_failure(album: Album) -> None:
    report = album.fetch(PAINTER)
    assert (report.reasons, report.exit_code, report.failed) == ({Why.GONE: 1}, 0, ())


def test_one_picture_that_stays_broken_among_others_is_seven_and_its_id_is_told(album: Album) -> None:
    pictures = album.add(5)
    album.sandbox.faults.add("storage_500", times=None, match=pictures[2].uuid)
    report = album.fetch("username:ann")
    assert (report.downloaded, report.exit_code) == (4, 7)
    assert [row["image_id"] for row in report.as_json()["failed_images"]] == [pictures[2].id]
    assert report.targets[0].failed == 1


# -- sorted ---------------------------------------------------------------------------------------------------


def test_folders_are_named_by_the_model_in_the_data(album: Album) -> None:
    album.add(1, meta={"prompt": "x", "Model": "My:Model.v2"})
    album.fetch("username:ann")
    assert [path.split("/")[2] for path in album.pictures()] == ["My_Model.v2"]


def test_a_urn_is_no_name_and_is_resolved_by_its_version(album: Album) -> None:
    version = next(iter(album.sandbox.world.models.values())).versions[0]
    name = album.sandbox.world.models[version.model_id].name
    picture = album.add(1, meta={"prompt": "x", "Model": f"urn:air:sdxl:checkpoint:civitai:1001@{version.id}"})[0]
    album.fetch("username:ann")
    folder = album.pictures()[0].split("/")[2]
    assert folder == name
    text = album.text(f"Username_Search/ann/{folder}/{picture.id}_meta.txt")
    assert text.splitlines() == [f"Model: {name}", "prompt: x"]


def test_an_empty_model_does_not_take_the_next_line_for_its_name(album: Album) -> None:
    album.add(1, meta={"Model": "", "steps": 20}, base_model="Pony")
    album.fetch("username:ann")
    assert album.pictures()[0].split("/")[2] == "Pony"


def test_a_prompt_that_says_model_decides_nothing(album: Album) -> None:
    album.add(1, meta={"prompt": "a\nModel: evil", "steps": 20}, base_model="Pony")
    album.fetch("username:ann")
    picture = album.pictures()[0]
    assert picture.split("/")[2] == "Pony"
    assert len(album.text(picture.replace(".png", "_meta.txt")).splitlines()) == 3


def test_checkpoints_are_named_by_their_model_and_asked_for_a_page_at_once(album: Album) -> None:
    world = album.sandbox.world
    names = ["Dream One", "Dream Two", "Dream Three"]
    for number, name in enumerate(names):
        model = world.add_model(name, id=7000 + number, type="Checkpoint")
        version = world.add_version(model, "v1.0")
        world.add_file(version, "x.safetensors")
        resources = [{"type": "lora", "modelVersionId": 1}, {"type": "checkpoint", "modelVersionId": version.id}]
        album.add(4, meta={"prompt": "x", "civitaiResources": resources})
    album.fetch("username:ann")
    assert sorted({path.split("/")[2] for path in album.pictures()}) == sorted(names)
    assert len(album.asked("/api/v1/models")) == 1


def test_a_checkpoint_that_the_site_no_longer_knows_falls_to_the_base_model(album: Album) -> None:
    resources = [{"type": "checkpoint", "modelVersionId": 999_999}]
    album.add(3, meta={"prompt": "x", "civitaiResources": resources}, base_model="SDXL 1.0")
    album.fetch("username:ann")
    assert {path.split("/")[2] for path in album.pictures()} == {"SDXL 1.0"}
    assert len(album.asked("/api/v1/model-versions/999999")) == 1


@pytest.mark.parametrize(
    ("fields", "folder"),
    [
        ({"meta": None, "base_model": "Pony"}, "no_metadata"),
        ({"meta": {"prompt": " ", "seed": None}}, "no_metadata"),
        ({"meta": {"prompt": "x"}, "base_model": ""}, "invalid_metadata"),
        ({"meta": {"prompt": "x", "Model": "unknown"}, "base_model": None}, "invalid_metadata"),
        ({"meta": None, "type": "video", "content": media.mp4("a"), "base_model": "Pony"}, "videos"),
        ({"meta": {"prompt": "x"}, "type": "video", "content": media.mp4("b"), "base_model": None}, "videos"),
        ({"meta": {"Model": "dream"}, "type": "video", "content": media.mp4("c")}, "dream"),
    ],
)
def test_what_has_no_model_goes_where_the_grabber_puts_it(album: Album, fields: dict[str, Any], folder: str) -> None:
    album.add(1, **fields)
    album.fetch("username:ann")
    assert [path.split("/")[2] for path in album.pictures()] == [folder]
    # Nothing is made for what there is not.
    assert [entry.name for entry in (album.root / "images/Username_Search/ann").iterdir()] == [folder]


def test_without_sorting_everything_lies_in_the_folder_of_the_target(album: Album) -> None:
    album.fetch(PAINTER, placing={"sort": False})
    assert {path.rpartition("/")[0] for path in album.pictures()} == {"Username_Search/gallery_painter"}


def test_the_layout_by_author_is_the_go_downloader_s(album: Album) -> None:
    picture = album.add(1, username="Ann", base_model="SDXL 1.0")[0]
    nameless = album.add(1, username="Ann", base_model="")[0]
    album.fetch("username:Ann", placing={"layout": Layout.AUTHOR})
    assert album.pictures() == [f"ann/sdxl_1.0/{picture.id}.png", f"ann/unknown_base_model/{nameless.id}.png"]
    assert not [path for path in album.files() if path.endswith(".txt")]


def test_a_template_says_where_images_go(album: Album) -> None:
    picture = album.add(1, base_model="SDXL 1.0", post_id=5)[0]
    album.fetch("username:ann", placing={"template": ImageTemplate("by {username}/{model_name}/{post_id}/{image_id}")})
    assert album.pictures() == [f"by ann/dreammix/5/{picture.id}.png"]


def test_paths_stay_within_the_longest_allowed_and_still_tell_images_apart(album: Album) -> None:
    album.add(3, meta={"prompt": "x", "Model": "a very long name of a model, longer than most of them are"})
    most = len(str(album.root)) + 7 + len("/Username_Search/ann/a very long/70000001_workflow.json")
    report = album.fetch("username:ann", placing={"max_path": most})
    assert report.downloaded == 3
    for path in album.files():
        if path.startswith("images/"):
            assert len(str(album.root / path)) <= most
    again = album.fetch("username:ann", placing={"max_path": 30}, redownload=True)
    assert again.reasons == {Why.PATH_TOO_LONG: 3}


# -- texts ----------------------------------------------------------------------------------------------------


def test_the_text_has_one_line_a_key_and_no_python_in_it(album: Album) -> None:
    meta = {
        "prompt": "one\ntwo",
        "Model": "m",
        "resources": [{"name": "a", "weight": None}],
        "seed": None,
        "hires": True,
    }
    picture = album.add(1, meta=meta)[0]
    album.fetch("username:ann")
    text = album.text(f"Username_Search/ann/m/{picture.id}_meta.txt")
    assert text.split("\n") == [
        "prompt: one two",
        "Model: m",
        'resources: [{"name": "a", "weight": null}]',
        "seed: ",
        "hires: true",
    ]


def test_a_picture_without_data_has_a_text_that_leads_to_the_configured_site(album: Album) -> None:
    picture = album.add(1, meta=None)[0]
    album.fetch("username:ann")
    text = album.text(f"Username_Search/ann/no_metadata/{picture.id}_no_meta.txt")
    assert text == f"No metadata available.\nURL: {album.sandbox.url}/images/{picture.id}"


def test_metadata_is_the_site_s_item_unmodified_also_beside_pictures_that_were_there(album: Album) -> None:
    picture = album.add(1, extra={"newField": {"a": [1, None]}})[0]
    album.fetch("username:ann")
    report = album.fetch("username:ann", metadata=True)
    assert report.downloaded == 0
    saved = json.loads(album.text(f"Username_Search/ann/dreamMix/{picture.id}.json"))
    assert saved["newField"] == {"a": [1, None]}
    assert saved["id"] == picture.id


def test_an_embedded_workflow_is_saved(album: Album) -> None:
    comfy = json.dumps({"prompt": {"1": {"class_type": "KSampler"}}, "workflow": {"nodes": [1]}})
    said, ran = album.add(2)
    said.meta = {"prompt": "x", "comfy": comfy, "Model": "m"}
    ran.meta = {"prompt": "x", "comfy": '{"prompt": {"1": {"is_changed": NaN}}, "workflow": {}}', "Model": "m"}
    album.fetch("username:ann", save_workflow=True)
    assert json.loads(album.text(f"Username_Search/ann/m/{said.id}_workflow.json")) == {"nodes": [1]}
    assert json.loads(album.text(f"Username_Search/ann/m/{ran.id}_workflow.json")) == {"1": {"is_changed": None}}


# -- tags -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tagged(album: Album) -> Album:
    """Two models with a tag, each with two versions of three images; half of the prompts hold its words."""
    world = album.sandbox.world
    for number in (1, 2):
        model = world.add_model(f"Tagged {number}", id=7000 + number, tags=["sea side"], type="Checkpoint")
        for name in ("v1", "v2"):
            version = world.add_version(model, name)
            world.add_file(version, f"{name}.safetensors")
            for prompt in ("a house by the SEA, left side", "a mountain", None):
                meta = {"prompt": prompt, "Model": "m"}
                world.add_image(version=version, username="ann", meta=meta, tags={7: "house"})
    return album


def test_a_tag_leads_to_its_models_and_their_versions_images_sorted(tagged: Album) -> None:
    row = tagged.row("tag:sea side", prompt_check=False)
    assert (row.status, row.downloaded) == (TargetStatus.COMPLETED, 12)
    folders = {path.rpartition("/")[0] for path in tagged.pictures()}
    assert folders == {"Model_Tag_Search/sea_side/model_7001/m", "Model_Tag_Search/sea_side/model_7002/m"}


def test_the_prompt_check_drops_what_lacks_a_word_or_has_no_prompt_and_ends_nothing(tagged: Album) -> None:
    report = tagged.fetch("tag:sea side", PAINTER)
    assert (report.targets[0].downloaded, report.reasons[Why.PROMPT]) == (4, 8)
    assert report.targets[1].downloaded == THERE


def test_an_unknown_tag_is_invalid_although_the_site_answers_with_everything(album: Album) -> None:
    report = album.fetch("tag:no such tag")
    assert (report.targets[0].status, report.exit_code, report.downloaded) == (TargetStatus.INVALID_TAG, 4, 0)


def test_a_page_of_models_that_fails_is_not_the_end_of_a_tag(album: Album) -> None:
    world = album.sandbox.world
    for number in range(105):
        world.add_simple(f"Many {number}", tags=["many"])
    album.sandbox.faults.add("server_error", times=None, match="cursor=")
    report = album.fetch("tag:many", prompt_check=False, concurrency=8)
    assert (report.targets[0].status, report.downloaded, report.exit_code) == (TargetStatus.INCOMPLETE, 100, 5)
    album.sandbox.faults.clear()
    assert album.row("tag:many", prompt_check=False).downloaded == 5


def test_every_listing_is_asked_for_in_the_order_of_time(tagged: Album) -> None:
    tagged.fetch("tag:sea side", "modelVersion:700101", "username:ann", prompt_check=False)
    assert all("sort=Newest" in query for query in [*tagged.asked(), *tagged.asked("/api/v1/models")])


def test_a_tag_may_be_typed_as_its_folder_is_named(tagged: Album) -> None:
    assert tagged.row("tag:Sea_Side", prompt_check=False).downloaded == 12
    assert "tag=sea+side" in tagged.asked("/api/v1/models")[0]


def test_a_tag_that_only_resembles_one_is_unknown(tagged: Album) -> None:
    assert tagged.row("tag:sea-side").status is TargetStatus.INVALID_TAG


def test_a_tag_whose_models_cannot_be_listed_on_is_incomplete_and_does_not_begin_anew(tagged: Album) -> None:
    tagged.sandbox.faults.add("server_error", times=None, match="modelVersionId=700102")
    report = tagged.fetch("tag:sea side", prompt_check=False)
    assert (report.targets[0].status, report.downloaded, report.exit_code) == (TargetStatus.INCOMPLETE, 9, 5)
    tagged.sandbox.faults.clear()
    tagged.sandbox.clear_requests()
    assert tagged.row("tag:sea side", prompt_check=False).downloaded == 3
    assert len(tagged.asked()) == 1


def test_the_summary_tells_under_which_tag_a_picture_was_taken_before(tagged: Album) -> None:
    for model in tagged.sandbox.world.models.values():
        if model.id in (7001, 7002):
            model.tags.append("coast")
            tagged.sandbox.world.tags.setdefault("coast", 999)
    first = tagged.fetch("tag:sea side", prompt_check=False)
    second = tagged.fetch("tag:coast", prompt_check=False)
    assert (first.linked, second.linked) == (0, 12)
    summary = second.targets[0].summary
    assert summary is not None
    rows = list(csv.reader(io.StringIO((tagged.root / summary).read_text(encoding="utf-8"))))
    assert rows[0] == [
        "Current Tag",
        "Previously Downloaded Tag",
        "Checkpoint Name",
        "Relative Image Path",
        "Download URL",
    ]
    assert len(rows) == 13
    assert {(row[0], row[1], row[2]) for row in rows[1:]} == {("coast", "sea_side", "m")}
    for row in rows[1:]:
        assert (tagged.root / "images/Model_Tag_Search/coast" / row[3]).is_file()
    earlier = first.targets[0].summary
    assert earlier is not None
    assert {row[1] for row in csv.reader(io.StringIO((tagged.root / earlier).read_text()))} == {
        "Previously Downloaded Tag",
        "",
    }


def test_redownload_of_a_tag_fetches_it_again(tagged: Album) -> None:
    tagged.fetch("tag:sea side", prompt_check=False)
    assert tagged.fetch("tag:sea side", prompt_check=False).downloaded == 0
    again = tagged.fetch("tag:sea side", prompt_check=False, redownload=True)
    assert (again.downloaded, again.linked) == (12, 0)


def test_a_limit_a_model_is_kept_for_each(tagged: Album) -> None:
    report = tagged.fetch("tag:sea side", prompt_check=False, max_per_model=2, concurrency=8)
    assert report.downloaded == 4
    assert report.reasons == {Why.MAX_PER_MODEL: 8}


# -- filters --------------------------------------------------------------------------------------------------


def test_filter_tags_keep_by_real_tags_or_by_prompt_words_and_say_which(tagged: Album) -> None:
    by_tag = tagged.fetch("modelVersion:700101", filter_tags=("House",), prompt_check=False)
    assert (by_tag.downloaded, by_tag.as_json()["filter_matches"]) == (3, {"tag": 3})
    by_word = tagged.fetch("modelVersion:700102", filter_tags=("mountain",))
    assert (by_word.downloaded, by_word.as_json()["filter_matches"]) == (1, {"prompt": 1})


def test_without_the_prompt_check_filter_tags_still_filter(tagged: Album) -> None:
    report = tagged.fetch("modelVersion:700101", filter_tags=("mountain",), prompt_check=False)
    assert (report.downloaded, report.reasons) == (0, {Why.FILTER_TAGS: 3})


@pytest.mark.parametrize(("wanted", "count"), [(MediaType.VIDEO, 2), (MediaType.IMAGE, 11)])
def test_media_are_chosen_by_the_site(album: Album, wanted: MediaType, count: int) -> None:
    report = album.fetch(PAINTER, media=wanted)
    assert report.downloaded == count
    assert f"type={wanted}" in album.asked()[0]


def test_sounds_are_passed_over(album: Album) -> None:
    album.add(1, type="audio", content=b"ID3 a sound")
    report = album.fetch("username:ann")
    assert (report.reasons, report.exit_code) == ({Why.AUDIO: 1}, 0)


def test_every_level_is_listed_unless_some_are_named(album: Album) -> None:
    assert album.fetch(PAINTER).targets[0].seen == 14
    assert "browsingLevel=31" in album.asked()[0]
    assert album.fetch(PAINTER, levels=NsfwLevel.PG | NsfwLevel.PG13).targets[0].seen == 11


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_a_limit_is_exact_whatever_is_under_way(album: Album, concurrency: int) -> None:
    for name in ("ann", "bob", "cid"):
        album.add(30, username=name)
    names = ("username:ann", "username:bob", "username:cid")
    report = album.fetch(*names, limit=40, concurrency=concurrency, page_size=10)
    assert (report.downloaded, len(album.pictures())) == (40, 40)
    states = [row.status for row in report.targets]
    assert states == [TargetStatus.COMPLETED, TargetStatus.LIMIT_REACHED, TargetStatus.LIMIT_REACHED]
    assert report.exit_code == 0
    again = album.fetch(*names, limit=40, concurrency=concurrency, page_size=10)
    assert again.downloaded == 40


@pytest.mark.parametrize(("limit", "pages"), [(3, 1), (5, 1), (6, 2)])
def test_no_page_is_asked_for_that_a_limit_has_no_use_for(album: Album, limit: int, pages: int) -> None:
    album.add(20)
    album.sandbox.clear_requests()
    assert album.fetch("username:ann", limit=limit, page_size=5).downloaded == limit
    assert sum(request.path == "/api/v1/images" for request in album.sandbox.requests) == pages


def test_failures_do_not_use_the_limit_up(album: Album) -> None:
    pictures = album.add(20)
    for picture in pictures[10:]:
        album.sandbox.faults.add("storage_500", times=None, match=picture.uuid)
    report = album.fetch("username:ann", limit=8, concurrency=4, settings={"max_retries": 0})
    assert report.downloaded == 8


def test_pages_to_read_end_a_target_as_a_limit_does(album: Album) -> None:
    album.add(30)
    row = album.row("username:ann", page_size=10, max_pages=2)
    assert (row.status, row.downloaded, len(album.asked())) == (TargetStatus.LIMIT_REACHED, 20, 2)


# -- remembered -----------------------------------------------------------------------------------------------


def test_every_image_is_remembered_under_its_key_with_path_date_url_checkpoint_and_tags(album: Album) -> None:
    album.fetch(PAINTER)
    record = next(record for record in album.records() if record.image_id == FIRST)
    assert record.key == f"username:gallery_painter_{FIRST}_HD"
    assert record.path == f"images/Username_Search/gallery_painter/dreamMixXL/{FIRST}.png"
    assert record.tags == ("house", "line art")
    assert record.checkpoint == "dreamMixXL"
    assert record.url is not None
    assert (record.date or "").startswith("20")
    assert (album.root / record.path).stat().st_size == record.size


def test_a_rerun_asks_the_listing_and_fetches_nothing(album: Album) -> None:
    album.add(30)
    album.fetch("username:ann")
    album.sandbox.clear_requests()
    report = album.fetch("username:ann")
    assert (report.downloaded, report.bytes, report.reasons) == (0, 0, {Why.HAVE: 30})
    assert (album.fetched(), len(album.sandbox.requests)) == (0, 1)


def test_a_deleted_picture_comes_back(album: Album) -> None:
    album.add(3)
    album.fetch("username:ann")
    gone = album.root / "images" / album.pictures()[1]
    gone.unlink()
    assert album.fetch("username:ann").downloaded == 1
    assert gone.is_file()


def test_a_lost_text_comes_back(album: Album) -> None:
    picture = album.add(1)[0]
    album.fetch("username:ann")
    text = album.root / f"images/Username_Search/ann/dreamMix/{picture.id}_meta.txt"
    text.write_text("")
    assert album.fetch("username:ann").downloaded == 0
    assert text.read_text().startswith("prompt: ")


def test_another_search_has_its_own_set_and_shares_the_bytes(album: Album) -> None:
    picture = album.add(1, post_id=44)[0]
    album.fetch("username:ann")
    album.sandbox.clear_requests()
    report = album.fetch("post:44")
    assert (report.downloaded, report.linked, album.fetched(), report.bytes) == (1, 1, 0, 0)
    paths = [album.root / "images" / path for path in album.pictures()]
    assert len(paths) == 2
    assert paths[0].stat().st_ino == paths[1].stat().st_ino
    assert {record.key for record in album.records()} == {f"username:ann_{picture.id}_HD", f"post:44_{picture.id}_HD"}


def test_targets_of_one_run_that_share_an_image_fetch_it_once(album: Album) -> None:
    album.add(3, post_id=44)
    album.sandbox.faults.add("slow_start", times=None, delay=0.05)
    report = album.fetch("username:ann", "post:44", concurrency=8)
    assert (report.downloaded, album.fetched()) == (6, 3)


def test_where_links_fail_the_bytes_are_copied(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    album.add(1, post_id=44)
    album.fetch("username:ann")

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert album.fetch("post:44").linked == 1
    assert len({(album.root / "images" / path).read_bytes() for path in album.pictures()}) == 1


def test_redownload_clears_that_target_only(album: Album) -> None:
    album.add(2, post_id=44)
    album.fetch("username:ann", "post:44")
    album.sandbox.clear_requests()
    report = album.fetch("username:ann", redownload=True)
    assert (report.downloaded, report.linked, album.fetched()) == (2, 0, 2)
    album.sandbox.clear_requests()
    assert album.fetch("post:44").reasons == {Why.HAVE: 2}
    assert album.fetched() == 0


def test_the_same_target_twice_is_one(album: Album) -> None:
    album.add(3)
    report = album.fetch("username:ann", "username:Ann", "username:ANN")
    assert [row.target.value for row in report.targets] == ["ann"]
    assert (report.downloaded, album.fetched()) == (3, 3)
    assert album.fetch("username:ANN").reasons == {Why.HAVE: 3}


def test_names_that_differ_in_a_trailing_mark_have_folders_of_their_own(album: Album) -> None:
    album.add(1, username="ann")
    album.add(1, username="ann_")
    report = album.fetch("username:ann", "username:ann_")
    assert [row.downloaded for row in report.targets] == [1, 1]
    assert {path.split("/")[1] for path in album.pictures()} == {"ann", "ann_"}


def test_a_name_that_windows_keeps_for_a_device_is_changed(album: Album) -> None:
    album.add(1, username="con", meta={"Model": "aux.v1"})
    album.fetch("username:con")
    assert album.pictures()[0].split("/")[1:3] == ["con_", "aux_.v1"]


# -- told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("username:nobody_at_all", TargetStatus.NOT_FOUND, 4),
        ("username:sandbox_artist", TargetStatus.COMPLETED, 0),
        ("model:999999", TargetStatus.NOT_FOUND, 4),
        ("modelVersion:999999", TargetStatus.NOT_FOUND, 4),
        ("post:999999", TargetStatus.NOT_FOUND, 4),
        ("image:999999", TargetStatus.NOT_FOUND, 4),
    ],
)
def test_what_is_not_there_is_told_from_what_has_no_images(
    album: Album, word: str, status: TargetStatus, code: int
) -> None:
    report = album.fetch(word)
    assert (report.targets[0].status, report.exit_code) == (status, code)


def test_a_user_without_images_is_empty_and_no_failure(album: Album) -> None:
    album.sandbox.world.add_user("quiet_one")
    report = album.fetch("username:quiet_one")
    assert (report.targets[0].status, report.exit_code, report.error_rows()) == (TargetStatus.EMPTY, 0, [])


def test_one_target_that_fails_among_others_is_seven(album: Album) -> None:
    report = album.fetch(PAINTER, "username:nobody_at_all")
    assert (report.exit_code, report.downloaded) == (7, THERE)
    assert [row["value"] for row in report.error_rows()] == ["nobody_at_all"]


def test_the_json_has_every_field_of_the_contract(album: Album) -> None:
    data = album.fetch(PAINTER).as_json()
    assert data["targets"] == [
        {
            "kind": "username",
            "value": "gallery_painter",
            "status": "completed",
            "seen": 14,
            "downloaded": THERE,
            "skipped": 1,
            "failed": 0,
            "no_metadata": 4,
        }
    ]
    assert {name: data[name] for name in ("downloaded", "skipped", "failed", "reasons")} == {
        "downloaded": THERE,
        "skipped": 1,
        "failed": 0,
        "reasons": {"gone": 1},
    }
    assert data["bytes"] > 0


# -- trouble --------------------------------------------------------------------------------------------------


def test_a_host_that_answers_429_in_bulk_gets_its_pause_and_nothing_is_lost(album: Album) -> None:
    album.add(40)
    album.sandbox.faults.add("storage_429", times=16, retry_after=0.02)
    report = album.fetch("username:ann", concurrency=8)
    assert (report.downloaded, report.failed, report.exit_code) == (40, (), 0)


def test_errors_of_the_site_that_pass_are_survived(album: Album) -> None:
    album.add(30)
    for fault in ("gateway_timeout", "overloaded", "rate_limited", "broken_json", "empty_499"):
        album.sandbox.faults.add(fault, times=1, match="cursor", **({"retry_after": 0} if "o" in fault[:2] else {}))
    report = album.fetch("username:ann", page_size=5, settings={"max_retries": 6})
    assert (report.downloaded, report.exit_code) == (30, 0)


def test_a_stop_ends_the_run_in_order_and_the_next_goes_on(album: Album) -> None:
    album.add(40)
    album.sandbox.faults.add("slow_start", times=None, delay=0.02)
    album.heard = Countdown("FileDone", 10, album.stop.set)
    report = album.fetch("username:ann", page_size=8, concurrency=2)
    assert report.exit_code == 130
    assert 10 <= report.downloaded < 20
    assert report.targets[0].status is TargetStatus.INCOMPLETE
    assert len(album.records()) == report.downloaded
    album.heard, album.stop = None, threading.Event()
    album.sandbox.faults.clear()
    again = album.fetch("username:ann", page_size=8)
    assert again.targets[0].status is TargetStatus.COMPLETED
    assert again.downloaded == 40 - report.downloaded
    assert len(album.pictures()) == 40


def test_a_folder_of_images_that_is_a_file_is_not_writable(album: Album) -> None:
    album.root.mkdir()
    (album.root / "images").write_text("in the way")
    with pytest.raises(NotWritable):
        album.fetch(PAINTER)


def test_an_output_folder_elsewhere_is_remembered_and_found_again(album: Album, tmp_path: Path) -> None:
    album.add(2)
    settings = {"images.output_dir": str(tmp_path / "elsewhere")}
    album.fetch("username:ann", settings=settings)
    assert len([*(tmp_path / "elsewhere").rglob("*.png")]) == 2
    assert album.fetch("username:ann", settings=settings).reasons == {Why.HAVE: 2}


def test_the_key_never_goes_to_the_image_host(album: Album) -> None:
    album.fetch(PAINTER)
    assert not [one for one in album.sandbox.requests if one.host == "storage" and "authorization" in one.headers]


def test_an_image_without_an_id_is_counted_and_has_its_reason(album: Album) -> None:
    images = [image for image in album.sandbox.world.images if image.username == "gallery_painter"]
    images[0].extra = {"id": None}
    report = album.fetch(PAINTER)
    (row,) = report.targets
    assert (row.seen, row.downloaded, report.reasons[Why.NO_ID]) == (14, THERE - 1, 1)
    assert row.downloaded + row.skipped + row.failed == row.seen
