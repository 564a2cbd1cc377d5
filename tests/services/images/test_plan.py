"""A plan of images says what the run then does, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.core.errors import Code
from civitai_kit.core.images.report import TargetStatus, Why
from civitai_kit.testing import Sandbox
from tests.services.album import Album, Countdown

PAINTER = "username:gallery_painter"


@pytest.fixture
def album(civitai_sandbox: Sandbox, tmp_path: Path) -> Album:
    """An empty save path over a fresh sandbox."""
    return Album(civitai_sandbox, tmp_path / "save")


def stems(paths: list[str]) -> set[str]:
    """Paths without their extensions."""
    return {path.rpartition(".")[0] for path in paths}


def test_what_is_planned_is_what_comes(album: Album) -> None:
    album.add(30)
    plan = album.plan("username:ann", page_size=10)
    row = album.row("username:ann", page_size=10)
    assert len(plan.items) == row.downloaded == 30
    assert stems([item.path.removeprefix("images/") for item in plan.items]) == stems(album.pictures())
    assert (plan.targets[0].status, plan.targets[0].seen) == (row.status, row.seen)


def test_a_plan_leaves_no_file_and_asks_no_host_of_images(album: Album) -> None:
    album.plan(PAINTER, "tag:line art", metadata=True, save_workflow=True)
    assert not album.root.exists()
    assert album.fetched() == 0


def test_what_is_here_is_skipped_and_its_missing_texts_stay_missing(album: Album) -> None:
    album.fetch(PAINTER)
    texts = [album.root / path for path in album.files() if path.endswith("_meta.txt")]
    texts[0].unlink()
    plan = album.plan(PAINTER)
    assert plan.reasons[Why.HAVE] == 13
    assert not texts[0].exists()


def test_a_file_of_another_target_is_planned_as_a_link_with_its_size_and_ending(album: Album) -> None:
    album.fetch("image:80000001")
    (item,) = album.plan(PAINTER, limit=14).linked
    assert (item.image_id, Path(item.path).suffix) == (80_000_001, ".png")
    assert item.size and item.size > 0
    again = album.fetch(PAINTER)
    assert again.linked == 1
    assert item.path.removeprefix("images/") in album.pictures()


def test_the_same_image_of_two_targets_is_fetched_for_the_first_alone(album: Album) -> None:
    (first,) = album.add(1)
    plan = album.plan("username:ann", f"image:{first.id}")
    assert [item.is_linked for item in plan.items] == [False, True]
    assert album.fetch("username:ann", f"image:{first.id}").linked == 1


@pytest.mark.parametrize(("limit", "planned"), [(7, 7), (40, 30)])
def test_limits_hold_in_a_plan_too(album: Album, limit: int, planned: int) -> None:
    album.add(30)
    plan = album.plan("username:ann", limit=limit, page_size=10)
    assert len(plan.items) == planned
    assert plan.targets[0].status is (TargetStatus.LIMIT_REACHED if limit < 30 else TargetStatus.COMPLETED)


def test_a_plan_forgets_no_bookmark_and_makes_none(album: Album) -> None:
    album.add(30)
    album.sandbox.faults.add("server_error", times=None, match="cursor=20")
    album.fetch("username:ann", page_size=10)
    kept = (album.root / ".civitai-kit.bookmarks.json").read_bytes()
    album.sandbox.faults.clear()
    assert len(album.plan("username:ann", page_size=10).items) == 10
    assert (album.root / ".civitai-kit.bookmarks.json").read_bytes() == kept


def test_a_page_that_fails_makes_the_plan_incomplete_with_the_code_of_the_failure(album: Album) -> None:
    album.add(30)
    album.sandbox.faults.add("server_error", times=None, match="cursor=20")
    plan = album.plan("username:ann", page_size=10)
    assert (plan.targets[0].status, plan.exit_code) == (TargetStatus.INCOMPLETE, 5)
    assert len(plan.items) == 20
    assert [row["code"] for row in plan.error_rows()] == ["unavailable"]


def test_a_stop_ends_the_looking_and_is_told(album: Album) -> None:
    album.add(30)
    album.heard = Countdown("PageRead", 1, album.stop.set)
    plan = album.plan("username:ann", page_size=10)
    assert (plan.exit_code, [error.code for error in plan.errors]) == (130, [Code.INTERRUPTED])
    assert len(plan.items) < 30
