"""Names of torrents: after their files, and never two on one path."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.paths.relative_paths import path_key
from civitai_kit.core.torrents.names import apart, magnet_path, torrent_path

STEMS = st.text("aAéÉe\u0301模_1235.", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("file", "torrent", "magnet"),
    [
        ("a/b.safetensors", "a/b.torrent", "a/b-magnet.txt"),
        ("v1.0 final.pt", "v1.0 final.torrent", "v1.0 final-magnet.txt"),
        ("a/noextension", "a/noextension.torrent", "a/noextension-magnet.txt"),
        ("模型.ckpt", "模型.torrent", "模型-magnet.txt"),
        (".hidden", ".hidden.torrent", ".hidden-magnet.txt"),
    ],
)
def test_torrent_and_magnet_are_named_after_the_stem(file: str, torrent: str, magnet: str) -> None:
    assert torrent_path(file) == torrent
    assert magnet_path(torrent) == magnet


@given(st.dictionaries(st.integers(1, 60), STEMS.map(torrent_path), max_size=12), st.sets(STEMS, max_size=3))
def test_no_two_torrents_share_a_path_on_any_file_system(wanted: dict[int, str], taken: set[str]) -> None:
    others = {torrent_path(stem) for stem in taken}
    paths = apart(wanted, others)
    keys = [path_key(path) for path in paths.values()]
    assert len(set(keys)) == len(keys) == len(wanted)
    assert not set(keys) & {path_key(path) for path in others}
    magnets = [path_key(magnet_path(path)) for path in paths.values()]
    assert len(set(magnets)) == len(magnets)


def test_a_name_that_nobody_else_wants_stays_as_it_is_and_shared_ones_are_all_marked() -> None:
    wanted = {1: "x/a.torrent", 2: "x/A.torrent", 3: "y/a.torrent"}
    assert apart(wanted) == {1: "x/a_1.torrent", 2: "x/A_2.torrent", 3: "y/a.torrent"}


def test_composed_and_decomposed_letters_are_one_name() -> None:
    composed = "é.torrent"
    assert apart({1: composed, 2: unicodedata.normalize("NFD", composed)})[1] == "é_1.torrent"
