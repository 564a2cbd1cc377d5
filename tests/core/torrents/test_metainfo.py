"""The terms of torrents, their piece sizes and layouts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import UsageError
from civitai_kit.core.torrents.metainfo import (
    LARGEST_CHOSEN_PIECE,
    MOST_PIECES,
    SMALLEST_PIECE,
    checked_terms,
    content_of,
    piece_size_for,
)

GOOD = "udp://tracker.example.org:6969/announce"
NAMES = st.text("aZ9.模é ", min_size=1, max_size=4).filter(lambda name: name.strip(". ") != "")
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(st.integers(1, 2**45))
def test_a_chosen_piece_size_is_a_power_of_two_that_keeps_hashes_few(size: int) -> None:
    chosen = piece_size_for(size)
    assert chosen & (chosen - 1) == 0
    assert SMALLEST_PIECE <= chosen <= LARGEST_CHOSEN_PIECE
    assert chosen == LARGEST_CHOSEN_PIECE or -(-size // chosen) <= MOST_PIECES


@pytest.mark.parametrize(
    ("size", "chosen"), [(1, 2**14), (2**25, 2**14), (2**25 + 1, 2**15), (2 * 2**30, 2**20), (2**40, 2**24)]
)
def test_the_piece_size_of_a_size_never_changes_for_it_is_part_of_the_info_hash(size: int, chosen: int) -> None:
    assert piece_size_for(size) == chosen


@pytest.mark.parametrize(
    "url",
    [
        "ftp://tracker.example.org/announce",
        "tracker.example.org:6969",
        "udp://tracker.example.org/announce",
        "udp://:6969/announce",
        "http:///announce",
        "http://tracker.example.org:0/announce",
        "http://tracker.example.org:99999/announce",
        "http://tracker.example.org/a b",
        "http://tracker.example.org/\x07",
        "http://[::1/announce",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_tracker_that_no_client_could_ask_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--announce"):
        checked_terms([GOOD, url])


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        "http://t.example/announce?passkey=1",
        "https://t.example",
        "ws://t.example:80/",
        "wss://t.example/",
        "udp://[::1]:1",
    ],
)
def test_the_five_schemes_of_trackers_are_taken(url: str) -> None:
    assert checked_terms([url, url]).trackers == (url,)


def test_no_tracker_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="No tracker"):
        checked_terms([])


@pytest.mark.parametrize(
    "url",
    [
        "udp://web.example:1/",
        "web.example/files",
        "https://web.example/?a=1",
        "https://web.example/#a",
        "https://me:s3cret@web.example/",
    ],
)
def test_a_web_seed_is_a_web_address(url: str) -> None:
    with pytest.raises(UsageError, match="--web-seed") as refused:
        checked_terms([GOOD], [url])
    assert "s3cret" not in str(refused.value.as_row())


@pytest.mark.parametrize("size", [1, 2**13, 3 * 2**14, 2**27, 2**14 + 1])
def test_a_piece_size_that_is_no_power_of_two_in_bounds_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match="--piece-size"):
        checked_terms([GOOD], piece_size=size)


@given(st.dictionaries(PATHS, st.integers(1, 10), min_size=1, max_size=6))
def test_a_content_lists_every_file_once_in_order_and_lies_where_its_files_lie(sizes: dict[str, int]) -> None:
    content = content_of(sizes.items(), "name")
    assert sorted(file.source for file in content.files) == sorted(sizes)
    assert [file.path for file in content.files] == sorted(file.path for file in content.files)
    assert content.size == sum(sizes.values())
    for file in content.files:
        inside = "/".join(file.path)
        assert file.source == (f"{content.lies_in}/{inside}" if content.lies_in else inside)
    assert content.single == (len(sizes) == 1)
    assert content.name == (content.files[0].path[-1] if content.single else "name")
