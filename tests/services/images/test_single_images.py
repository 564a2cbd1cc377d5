"""Images named one by one are looked up a hundred a request, and each target still has its own row."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.core.images.report import TargetStatus
from civitai_kit.core.site.enums import ImageSort, NsfwLevel
from civitai_kit.testing import Sandbox
from tests.services.album import Album


@pytest.fixture
def album(civitai_sandbox: Sandbox, tmp_path: Path) -> Album:
    """An empty save path over a fresh sandbox."""
    return Album(civitai_sandbox, tmp_path / "save")


def test_two_hundred_and_five_images_are_three_requests(album: Album) -> None:
    words = [f"image:{picture.id}" for picture in album.add(205)]
    report = album.fetch(*words)
    assert (report.exit_code, report.downloaded, len(album.asked())) == (0, 205, 3)
    assert [row.status for row in report.targets] == [TargetStatus.COMPLETED] * 205
    assert all("withMeta=true" in query and "browsingLevel=31" in query for query in album.asked())


@pytest.mark.parametrize("sort", list(ImageSort))
def test_each_image_goes_to_its_own_target_in_every_order(album: Album, sort: ImageSort) -> None:
    pictures = album.add(3)
    album.fetch(*(f"image:{picture.id}" for picture in pictures), sort=sort)
    kept = {record.target: record.image_id for record in album.records()}
    assert kept == {str(picture.id): picture.id for picture in pictures}


def test_an_image_that_is_not_shown_among_others_is_asked_for_alone_and_not_found(album: Album) -> None:
    first, last = album.add(2)
    report = album.fetch(f"image:{first.id}", "image:999999", f"image:{last.id}")
    assert [row.status for row in report.targets] == [
        TargetStatus.COMPLETED,
        TargetStatus.NOT_FOUND,
        TargetStatus.COMPLETED,
    ]
    assert [query for query in album.asked() if "imageId" in query] == [album.asked()[1]]
    assert (report.exit_code, len(album.asked())) == (7, 2)


def test_the_levels_asked_for_hold_for_many_at_once(album: Album) -> None:
    safe, other = album.add(1)[0], album.add(1, nsfw_level=8)[0]
    report = album.fetch(f"image:{safe.id}", f"image:{other.id}", levels=NsfwLevel.PG)
    assert [row.downloaded for row in report.targets] == [1, 0]


@pytest.mark.parametrize("fault", ["empty_page", "odd_shape", "region_blocked"])
def test_where_many_at_once_cannot_be_had_each_is_asked_for_alone(album: Album, fault: str) -> None:
    pictures = album.add(4)
    album.sandbox.faults.add(fault, times=None, match="ids=")
    report = album.fetch(*(f"image:{picture.id}" for picture in pictures))
    assert (report.exit_code, report.downloaded) == (0, 4)
    assert sum("imageId=" in query for query in album.asked()) == 4


def test_one_image_is_asked_for_by_its_id(album: Album) -> None:
    (picture,) = album.add(1)
    album.fetch(f"image:{picture.id}", f"image:{picture.id}")
    (query,) = album.asked()
    assert f"imageId={picture.id}" in query
