"""The save path: what is read and written there, and that nothing leaves it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import DiskError, DiskFull, NotWritable, UsageError
from civitai_kit.disk.files import write_atomically
from civitai_kit.disk.folder import Folder
from civitai_kit.files.errors import writing

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and limits of POSIX")


@pytest.fixture
def disk(tmp_path: Path) -> Folder:
    root = tmp_path / "save"
    root.mkdir()
    return Folder(root)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# Locating


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a\\..\\..\\x", "\\x", "C:/x", "c:x", "a\0b", ".", "./."],
)
def test_a_path_that_leaves_the_root_or_is_it_is_refused(disk: Folder, path: str) -> None:
    with pytest.raises(UsageError):
        disk.locate(path)


@posix
@pytest.mark.parametrize("place", ["save/real", "another disk"])
def test_a_folder_that_was_moved_and_linked_back_is_followed(disk: Folder, tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir()
    (disk.root / "link").symlink_to(tmp_path / place)
    disk.write("link/a/file", b"x")
    assert (tmp_path / place / "a" / "file").read_bytes() == b"x"
    assert (disk.size("link/a/file"), disk.read("link/a/file")) == (1, b"x")
    assert disk.remove("link/a/file")
    assert disk.remove_empty_parents("link/a/file") == ("link/a",)
    assert (disk.root / "link").is_symlink() and (tmp_path / place).is_dir()


@posix
@pytest.mark.parametrize("target", ["real", "nowhere"])
def test_a_link_at_the_final_name_is_never_replaced_by_a_file(disk: Folder, target: str) -> None:
    disk.write("real", b"of a person")
    (disk.root / "link").symlink_to(target)
    for put in (disk.place_for, lambda path: disk.write(path, b"x"), lambda path: disk.link(disk.root / "real", path)):
        with pytest.raises(NotWritable, match="a link to") as caught:
            put("link")
        assert caught.value.hint
    assert (disk.root / "link").is_symlink()
    assert (names(disk.root), disk.read("real")) == (["link", "real"], b"of a person")


@posix
def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "save").symlink_to("elsewhere")
    disk = Folder(tmp_path / "save")
    disk.write("a/b", b"x")
    assert (tmp_path / "elsewhere" / "a" / "b").read_bytes() == b"x"


@posix
def test_links_in_a_ring_do_no_harm(disk: Folder) -> None:
    (disk.root / "one").symlink_to("two")
    (disk.root / "two").symlink_to("one")
    assert disk.size("one/x") is None
    with pytest.raises((NotWritable, UsageError)):
        disk.write("one/x", b"x")


@given(
    st.lists(
        st.sampled_from(["a", "..", ".", "", "b c", "é", "C:", "\\", "..\\..", "/", "~", "...", "x\0"]), max_size=6
    )
)
def test_whatever_the_path_what_is_located_lies_within(parts: list[str]) -> None:
    folder = Folder(Path(os.path.abspath("no-such-root")))  # noqa: PTH100
    try:
        place = folder.locate("/".join(parts))
    except UsageError:
        return
    assert folder.root in Path(os.path.normpath(place)).parents
    assert folder.relative(place) is not None


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_located_within_or_refused(path: str) -> None:
    folder = Folder(Path(os.path.abspath("no-such-root")))  # noqa: PTH100
    try:
        place = folder.locate(path)
    except UsageError:
        return
    assert folder.root in Path(os.path.normpath(place)).parents


def test_a_place_has_a_relative_path_only_under_the_root(disk: Folder, tmp_path: Path) -> None:
    assert disk.relative(disk.root / "a" / "b") == "a/b"
    assert disk.relative(tmp_path / "other") is None
    assert disk.relative(disk.root / ".." / "other") is None


# Looking


def test_only_regular_files_have_a_size(disk: Folder) -> None:
    disk.write("a/file", b"12345")
    assert (disk.size("a/file"), disk.size("a"), disk.size("b"), disk.size("a/file/x")) == (5, None, None, None)
    assert disk.size("n" * 5000) is None


def test_a_stamp_changes_with_the_file(disk: Folder) -> None:
    disk.write("file", b"1")
    first = disk.stamp("file")
    disk.write("file", b"2")
    assert first is not None
    assert disk.stamp("file") != first
    assert disk.stamp("other") is None


def test_free_space_is_that_of_the_nearest_parent_there_is(disk: Folder, tmp_path: Path) -> None:
    free = Folder(tmp_path / "not" / "yet" / "there").free()
    assert free is not None
    assert abs(free - shutil.disk_usage(tmp_path).free) < 2**30
    assert not (tmp_path / "not").exists()


def test_a_walk_gives_files_by_name_and_follows_no_link(disk: Folder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    for path in ("b", "a/2", "a/10", "a/b/c"):
        disk.write(path, b"123")
    if os.name == "posix":
        (disk.root / "link").symlink_to(tmp_path)
        (disk.root / "a" / "file-link").symlink_to(disk.root / "b")
    found = list(disk.walk())
    assert [disk.relative(one.path) for one in found] == ["b", "a/10", "a/2", "a/b/c"]
    assert {one.size for one in found} == {3}
    assert [disk.relative(one.path) for one in disk.walk("a/b")] == ["a/b/c"]
    assert list(disk.walk("missing")) == []


def test_reading_says_nothing_there_or_why_not(disk: Folder) -> None:
    disk.write("a", b"content")
    assert (disk.read("a"), disk.read("b"), disk.read("a/b")) == (b"content", None, None)
    (disk.root / "folder").mkdir()
    with pytest.raises(DiskError):
        disk.read("folder")


# Writing


def test_writing_makes_folders_and_leaves_no_temporary_file(disk: Folder) -> None:
    disk.write("a/b/c.json", b"one")
    disk.write("a/b/c.json", b"two")
    assert disk.read("a/b/c.json") == b"two"
    assert names(disk.root) == ["a", "a/b", "a/b/c.json"]


def test_the_longest_name_can_be_written(disk: Folder) -> None:
    disk.write("n" * 255, b"x")
    assert disk.size("n" * 255) == 1


@posix
def test_files_and_folders_have_the_users_permissions(disk: Folder) -> None:
    old = os.umask(0o027)
    try:
        disk.write("a/file", b"x")
    finally:
        os.umask(old)
    assert (disk.root / "a").stat().st_mode & 0o777 == 0o750
    assert (disk.root / "a" / "file").stat().st_mode & 0o777 == 0o640


def test_a_file_where_a_folder_is_needed_is_not_writable(disk: Folder) -> None:
    disk.write("a", b"x")
    with pytest.raises(NotWritable) as caught:
        disk.write("a/b", b"x")
    assert caught.value.path
    assert "a" in caught.value.message


def test_a_folder_in_the_place_of_the_file_is_not_writable_and_stays(disk: Folder) -> None:
    (disk.root / "a").mkdir()
    with pytest.raises(NotWritable):
        disk.write("a", b"x")
    assert names(disk.root) == ["a"]


def test_many_threads_writing_one_file_leave_one_whole_content(disk: Folder) -> None:
    contents = [bytes([65 + number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=disk.write, args=("file", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert disk.read("file") in contents
    assert names(disk.root) == ["file"]


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_with_the_place_that_was_to_be_written(disk: Folder) -> None:
    with (
        pytest.raises(DiskFull) as caught,
        writing(disk.root / "file"),
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert str(disk.root / "file") in caught.value.message and caught.value.hint


@posix
def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(disk: Folder) -> None:
    disk.write("file", b"old")
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom civitai_kit.disk.folder import Folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    Folder(Path(sys.argv[1])).write('file', bytes(5000))\n"
        "except Exception as error:\n    print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(disk.root)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == NotWritable.__name__, done.stderr
    assert (disk.read("file"), names(disk.root)) == (b"old", ["file"])


def test_killed_while_writing_there_is_the_old_file_or_the_new_one(disk: Folder) -> None:
    write_atomically(disk.root / "file", b"a" * 100)
    code = (
        "import sys\nfrom pathlib import Path\nfrom civitai_kit.disk.files import write_atomically\n"
        "print(flush=True)\nwhile True:\n    for letter in b'ab':\n"
        "        write_atomically(Path(sys.argv[1]), bytes([letter]) * 300_000)"
    )
    for _ in range(3):
        command = [sys.executable, "-c", code, str(disk.root / "file")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            writer.kill()
        content = (disk.root / "file").read_bytes()
        assert content in (b"a" * 100, b"a" * 300_000, b"b" * 300_000)
    assert all(name == "file" or name.endswith(".tmp") for name in names(disk.root))


# Removing


def test_removing_says_whether_it_was_there(disk: Folder) -> None:
    disk.write("a/b/file", b"x")
    assert disk.remove("a/b/file") is True
    assert disk.remove("a/b/file") is False
    (disk.root / "folder").mkdir()
    with pytest.raises(NotWritable):
        disk.remove("folder")


def test_empty_folders_go_up_to_the_first_that_is_not(disk: Folder) -> None:
    disk.write("a/keep", b"x")
    disk.write("a/b/c/file", b"x")
    disk.remove("a/b/c/file")
    assert disk.remove_empty_parents("a/b/c/file") == ("a/b/c", "a/b")
    assert names(disk.root) == ["a", "a/keep"]


def test_the_root_stays_also_when_it_is_empty(disk: Folder) -> None:
    disk.write("a/file", b"x")
    disk.remove("a/file")
    assert disk.remove_empty_parents("a/file") == ("a",)
    assert disk.remove_empty_parents("file") == ()
    assert disk.root.is_dir()


# The save path itself


def test_a_missing_save_path_is_made_and_proved(tmp_path: Path) -> None:
    disk = Folder(tmp_path / "new" / "save")
    disk.check_writable()
    assert names(tmp_path) == ["new", "new/save"]


def test_a_save_path_that_is_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "save").write_bytes(b"mine")
    with pytest.raises(NotWritable) as caught:
        Folder(tmp_path / "save").check_writable()
    assert caught.value.exit_code == 9
    with pytest.raises(NotWritable):
        Folder(tmp_path / "save" / "below").check_writable()


@posix
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_save_path_without_permission_is_not_writable(disk: Folder) -> None:
    disk.root.chmod(0o555)
    with pytest.raises(NotWritable):
        disk.check_writable()


def test_a_link_to_a_folder_leads_where_the_folders_lead_and_replaces_nothing(tmp_path: Path) -> None:
    disk = Folder(tmp_path / "save")
    (disk.root / "a/b").mkdir(parents=True)
    (tmp_path / "away").mkdir()
    assert disk.link_folder("a/b", "torrents/x") and disk.link_folder("a/b", "torrents/x")
    assert (disk.root / "torrents/x").readlink() == Path("../a/b")
    assert not disk.link_folder("a", "torrents/x") and (disk.root / "torrents/x").samefile(disk.root / "a/b")
    assert not disk.link_folder("../away", "torrents/y")
    (disk.root / "out").symlink_to(tmp_path / "away")
    assert disk.link_folder("a", "out/y") and (tmp_path / "away/y").samefile(disk.root / "a")
    assert disk.link_folder("out", "torrents/y") and (disk.root / "torrents/y").samefile(tmp_path / "away")
    (disk.root / "file").write_bytes(b"mine")
    assert not disk.link_folder("a", "file") and (disk.root / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("how", ["link", "copy"])
def test_a_second_name_of_a_link_is_the_file_that_it_leads_to(disk: Folder, tmp_path: Path, how: str) -> None:
    (tmp_path / "real").write_bytes(b"bytes")
    (disk.root / "a").symlink_to(tmp_path / "real")
    getattr(disk, how)(disk.root / "a", "deep/b")
    target = disk.root / "deep/b"
    assert (target.is_symlink(), target.read_bytes()) == (False, b"bytes")
    assert target.samefile(tmp_path / "real") is (how == "link")
    assert names(disk.root) == ["a", "deep", "deep/b"]
