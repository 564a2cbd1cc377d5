"""Each model file of a library has a folder of its own, named as the data manager names it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.library.folder_names import LONGEST_FOLDER, FolderNames, manager_name
from civitai_kit.core.paths.relative_paths import checked_relative, path_key

PATHS = st.lists(st.text(min_size=1).map(lambda text: f"/models/{text}.safetensors"), unique=True, max_size=6)


@pytest.mark.parametrize(
    ("stem", "folder"),
    [("My Model v1.5 [anime]", "My_Model_v1_5_anime"), ("model (3)", "model_3"), ("ключ-1", "ключ-1"), ("...", "")],
)
def test_a_folder_is_named_as_the_data_manager_names_it(stem: str, folder: str) -> None:
    assert manager_name(stem) == folder


def test_two_files_of_one_stem_never_share_a_folder() -> None:
    names = FolderNames()
    folders = [names.name(path) for path in ("/a/lora.safetensors", "/b/lora.safetensors", "/c/LORA.pt")]
    assert folders[0] == "lora"
    assert len({path_key(folder) for folder in folders}) == 3


def test_a_file_keeps_the_folder_that_it_had() -> None:
    names = FolderNames([("/b/lora.safetensors", "lora")])
    assert names.name("/a/lora.safetensors") != "lora"
    assert names.name("/b/lora.safetensors") == "lora"


def test_the_folder_of_a_file_does_not_depend_on_what_was_seen_before() -> None:
    one, other = FolderNames(), FolderNames()
    one.name("/a/lora.safetensors")
    other.name("/a/lora.safetensors")
    other.name("/z/else.safetensors")
    assert one.name("/b/lora.safetensors") == other.name("/b/lora.safetensors")


@given(PATHS)
def test_every_folder_is_a_name_that_all_systems_take(paths: list[str]) -> None:
    names = FolderNames()
    folders = [names.name(path) for path in paths]
    assert len({path_key(folder) for folder in folders}) == len(paths)
    for folder in folders:
        assert checked_relative(folder) == folder
        assert len(folder.encode()) <= LONGEST_FOLDER + 65
