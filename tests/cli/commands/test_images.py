"""`images` and `tags` as people type them: targets, filters, warnings, tables, JSON, exit codes, lists of names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from civitai_kit.sandbox.worlds.standard_gallery import FIRST_GALLERY_IMAGE, PAINTER, POST
from civitai_kit.testing import Known, Sandbox
from tests.cli.conftest import Run

THERE = 13


def pictures(folder: Path) -> list[str]:
    """Pictures and clips under the save path, relative to the folder of images."""
    root = folder / "downloads/images"
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.endswith((".txt", ".json", ".csv")))


def test_a_creator_s_gallery_is_fetched_and_reported(at_sandbox: Run, empty_home: Path) -> None:
    ran = at_sandbox("images", "--username", PAINTER)
    assert ran.code == 0
    assert len(pictures(empty_home)) == THERE
    assert f"user {PAINTER}" in ran.out and "completed" in ran.out
    assert f"Downloaded {THERE} images" in ran.out
    assert "no longer on the site" in ran.out
    assert len([line for line in ran.err.splitlines() if line.startswith("done ")]) == THERE


def test_json_is_one_object_with_the_fields_of_the_contract(at_sandbox: Run) -> None:
    ran = at_sandbox("--json", "images", "-u", PAINTER)
    assert ran.document["command"] == "images"
    assert ran.data["targets"][0] == {
        "kind": "username",
        "value": PAINTER,
        "status": "completed",
        "seen": 14,
        "downloaded": THERE,
        "skipped": 1,
        "failed": 0,
        "no_metadata": 4,
    }
    assert ran.data["reasons"] == {"gone": 1}


def test_targets_of_every_kind_are_taken_from_flags_pages_and_a_file_each_once(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    version = civitai_sandbox.world.models[Known.PLAIN_LORA].versions[1].id
    (empty_home / "list.txt").write_text(
        f"# what I follow\nuser:{PAINTER.upper()}\nmodel:{int(Known.PLAIN_LORA)}\ntag:line art # of lines\n"
    )
    words = ["--username", f"{PAINTER}, {PAINTER}", f"https://civitai.com/posts/{POST}", "--from-file", "list.txt"]
    more = [f"{civitai_sandbox.url}/images/{FIRST_GALLERY_IMAGE}", "--model-version-id", str(version)]
    ran = at_sandbox("images", "--json", *words, *more)
    assert {(row["kind"], row["value"].casefold()) for row in ran.data["targets"]} == {
        ("username", PAINTER),
        ("post", str(POST)),
        ("image", str(FIRST_GALLERY_IMAGE)),
        ("modelVersion", str(version)),
        ("model", str(int(Known.PLAIN_LORA))),
        ("tag", "line art"),
    }
    assert len(ran.data["targets"]) == 6
    assert ran.code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["images"], "Nothing says whose images"),
        (["images", "--username", "not a name!"], "no username"),
        (["images", "--model-id", "abc"], "no id"),
        (["images", "--image-id", "0"], "no id"),
        (["images", "--tag", "  _ "], "no tag"),
        (["images", "https://example.org/x"], "not on Civitai"),
        (["images", "-u", "a", "--quality", "4k"], "--quality"),
        (["images", "-u", "a", "--page-size", "201"], "--page-size"),
        (["images", "-u", "a", "--nsfw", "lots"], "--nsfw"),
        (["images", "-u", "a", "--layout", "tree"], "--layout"),
        (["images", "-u", "a", "--path-template", "../{image_id}"], "only dots"),
        (["images", "-u", "a", "--path-template", "{usrname}/{image_id}"], "unknown placeholder"),
        (["images", "-u", "a", "--path-template", "{username}"], "must end in"),
        (["images", "--from-file", "nowhere.txt"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked_or_made(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path, words: list[str], says: str
) -> None:
    ran = at_sandbox(*words)
    assert ran.code == 2
    assert says in ran.err
    assert len(civitai_sandbox.requests) == 0
    assert [*empty_home.iterdir()] == []


def test_a_bad_line_of_a_file_is_named_by_its_number(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "list.txt").write_text("user:ann\nmodel:x\n")
    assert "list.txt, line 2" in at_sandbox("images", "--from-file", "list.txt").err


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--post-id", "1", "--deep-scan"], "--deep-scan"),
        (["-u", PAINTER, "--max-per-model", "3"], "--max-per-model"),
        (["-u", PAINTER, "--no-prompt-check"], "--prompt-check"),
        (["-u", PAINTER, "--layout", "author", "--no-sort"], "--no-sort"),
        (["-u", PAINTER, "--nsfw", "PG", "--browsing-level", "1"], "--nsfw"),
    ],
)
def test_a_flag_without_meaning_for_the_targets_gets_a_warning_and_no_failure(
    at_sandbox: Run, words: list[str], flag: str
) -> None:
    ran = at_sandbox("images", *words)
    assert f"warning: {flag} has no meaning" in ran.err
    assert ran.code in (0, 4)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("PG", 1),
        ("PG,PG13", 3),
        ("true", 31),
        ("false", 1),
        ("None", 1),
        ("Soft", 3),
        ("Mature", 7),
        ("X", 31),
        ("4", 4),
    ],
)
def test_levels_are_said_by_name_or_by_bits(at_sandbox: Run, civitai_sandbox: Sandbox, said: str, level: int) -> None:
    at_sandbox("images", "-u", PAINTER, "--nsfw", said, "--limit", "1")
    asked = [one.query for one in civitai_sandbox.requests if one.path == "/api/v1/images"]
    assert f"browsingLevel={level}" in asked[0]


def test_exit_codes_are_those_of_the_targets(at_sandbox: Run) -> None:
    assert at_sandbox("images", "-u", "nobody_at_all").code == 4
    assert at_sandbox("images", "--tag", "no such tag at all").code == 4
    both = at_sandbox("images", "--json", "-u", f"nobody_at_all,{PAINTER}")
    assert both.code == 7
    assert [row["status"] for row in both.data["targets"]] == ["not_found", "completed"]
    assert [error["value"] for error in both.document["errors"]] == ["nobody_at_all"]


def test_a_failed_image_is_listed_by_its_id_for_people_and_programs(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    broken = next(image for image in civitai_sandbox.world.images if image.id == FIRST_GALLERY_IMAGE)
    civitai_sandbox.faults.add("storage_500", times=None, match=broken.uuid)
    ran = at_sandbox("images", "-u", PAINTER)
    assert ran.code == 7
    assert f"Failed images: {FIRST_GALLERY_IMAGE}" in ran.out
    again = at_sandbox("--json", "images", "-u", PAINTER)
    assert [row["image_id"] for row in again.data["failed_images"]] == [FIRST_GALLERY_IMAGE]
    assert again.document["errors"][0]["image_id"] == FIRST_GALLERY_IMAGE


def test_the_closing_tables_name_targets_that_failed_and_those_without_images(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.world.add_user("quiet_one")
    ran = at_sandbox("images", "-u", f"{PAINTER},quiet_one,nobody_at_all", "--limit", "20")
    assert "Targets that failed: user nobody_at_all" in ran.out
    assert "Targets that brought nothing new: user quiet_one" in ran.out
    assert "Limit 13 of 20, not reached." in ran.out


def test_filters_say_by_what_images_passed(at_sandbox: Run) -> None:
    ran = at_sandbox("images", "-u", PAINTER, "--filter-tags", "line art")
    assert "Passed the filter tags: 3 by their own tags, 5 by words of the prompt." in ran.out


def test_settings_of_the_file_count_and_flags_win(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "config.toml").write_text('[images]\nlayout = "author"\nlimit = 2\nmetadata = true\n')
    assert at_sandbox("images", "-u", PAINTER).code == 0
    assert {path.split("/")[0] for path in pictures(empty_home)} == {PAINTER}
    assert len(pictures(empty_home)) == 2
    assert at_sandbox("--json", "images", "-u", PAINTER, "--limit", "0").data["downloaded"] == THERE - 2


def test_an_output_folder_is_relative_to_the_working_folder(at_sandbox: Run, empty_home: Path) -> None:
    at_sandbox("images", "-u", PAINTER, "-o", "wall", "--no-sort", "--limit", "1")
    assert [path.suffix for path in (empty_home / "wall/Username_Search" / PAINTER).iterdir() if path.suffix != ".txt"]


def test_limit_rate_holds_for_all_pictures_together(at_sandbox: Run) -> None:
    came = at_sandbox("--json", "images", "-u", PAINTER).data["bytes"]
    began = time.monotonic()
    ran = at_sandbox("--json", "images", "-u", PAINTER, "--redownload", "-c", "8", "--limit-rate", str(came))
    assert ran.data["bytes"] == came
    assert time.monotonic() - began > 0.95


def test_a_dry_run_lists_what_would_come_and_writes_and_fetches_nothing(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    ran = at_sandbox("images", "-u", PAINTER, "--tag", "line art", "--dry-run")
    assert ran.code == 0
    assert f"images/Username_Search/{PAINTER}/dreamMixXL/{FIRST_GALLERY_IMAGE}.*" in ran.out
    assert "21 images to put in place, 7 of them by a link" in ran.out
    assert "The site lists no sizes." in ran.out and "are free there" in ran.out
    assert [*empty_home.iterdir()] == []
    assert not [one for one in civitai_sandbox.requests if one.host == "storage"]


def test_a_dry_run_for_a_program_has_a_row_an_image_and_a_row_a_target(at_sandbox: Run) -> None:
    ran = at_sandbox("--json", "images", "-u", f"{PAINTER},nobody_at_all", "--dry-run", "--limit", "2")
    assert (ran.code, ran.data["dry_run"]) == (0, True)
    assert [(row["status"], row["items"]) for row in ran.data["targets"]] == [
        ("limit_reached", 2),
        ("limit_reached", 0),
    ]
    assert ran.data["items"][0] == {
        "image_id": 80000014,
        "kind": "username",
        "value": PAINTER,
        "path": f"images/Username_Search/{PAINTER}/dreamMixXL/80000014.*",
        "media": "image",
        "quality": "HD",
        "size": None,
        "linked": False,
    }


def test_a_dry_run_of_a_target_that_is_not_there_ends_as_the_run_would(at_sandbox: Run) -> None:
    ran = at_sandbox("images", "-u", "nobody_at_all", "--dry-run")
    assert ran.code == 4
    assert "Nothing to fetch." in ran.out and "knows no user nobody_at_all" in ran.err


def test_questions_need_a_terminal(at_sandbox: Run) -> None:
    ran = at_sandbox("images", "--quality", "hd")
    assert ran.code == 2
    assert "--username" in ran.err


# -- tags -----------------------------------------------------------------------------------------------------


def test_tags_are_listed_one_a_line(at_sandbox: Run) -> None:
    ran = at_sandbox("tags")
    assert ran.code == 0
    assert "line art" in ran.out.splitlines()
    assert at_sandbox("tags", "line", "--json").data == {"tags": ["line art"]}


def test_tags_are_paged_to_their_end(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    for number in range(450):
        civitai_sandbox.world.tags.setdefault(f"many {number:03}", 10_000 + number)
    assert len(at_sandbox("tags", "many", "--json").data["tags"]) == 450


def test_only_new_tags_are_appended_to_a_file(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "tags.txt").write_text("line art\nmy own", encoding="utf-8")
    ran = at_sandbox("tags", "--output", "tags.txt", "--json")
    lines = (empty_home / "tags.txt").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["line art", "my own"]
    assert lines.count("line art") == 1 and "style" in lines
    assert ran.data["appended"] == len(lines) - 2
    before = (empty_home / "tags.txt").read_bytes()
    assert at_sandbox("tags", "-o", "tags.txt", "--json").data["appended"] == 0
    assert (empty_home / "tags.txt").read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="links and devices")
def test_tags_go_where_a_link_leads_and_into_a_device(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "tags.txt").symlink_to("far.txt")
    assert at_sandbox("tags", "-o", "tags.txt").code == 0
    assert (empty_home / "tags.txt").is_symlink() and "style" in (empty_home / "far.txt").read_text().splitlines()
    assert at_sandbox("tags", "-o", "/dev/null", "--json").data["appended"] > 0
    assert not Path("/dev/null").is_file()


def test_a_tag_file_that_cannot_be_read_is_refused_before_the_site_is_asked(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    (empty_home / "tags.txt").write_bytes(b"\xff\xfe\x00")
    assert at_sandbox("tags", "-o", "tags.txt").code == 2
    assert len(civitai_sandbox.requests) == 0


def test_the_help_says_what_a_page_is_and_lists_every_flag(run: Run) -> None:
    text = run("images", "--help").out
    for flag in ("--deep-scan", "--filter-tags", "--max-per-model", "--save-workflow", "--path-template"):
        assert flag in text
    assert "user:NAME" in text
    assert json.loads(run("images", "--help", "--json").out)["exit_code"] == 0
