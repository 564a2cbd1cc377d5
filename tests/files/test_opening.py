"""Opening files of ours and of a person: whatever lies there, nothing is written through it and nobody waits."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.files.errors import NotOurFile, OddFile, write_error
from civitai_kit.files.opening import open_own, open_regular, read_small, refuse_unless_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and devices of POSIX")

WAYS = {
    "append": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "truncate": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "both": os.O_RDWR | os.O_CREAT,
    "read": os.O_RDONLY,
}


def a_link(path: Path) -> None:
    path.symlink_to(path.parent / "precious")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def a_hard_link(path: Path) -> None:
    path.hardlink_to(path.parent / "precious")


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


PLANTED: list[Callable[[Path], None]] = [
    a_link,
    a_link_to_nothing,
    a_hard_link,
    a_device,
    a_socket,
    os.mkfifo,
    Path.mkdir,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_planted_where_a_file_of_ours_should_lie_is_refused_and_unharmed(
    tmp_path: Path, plant: Callable[[Path], None], way: str
) -> None:
    (tmp_path / "precious").write_bytes(b"of a person")
    plant(tmp_path / "ours")
    with pytest.raises(NotOurFile) as caught:
        open_own(tmp_path / "ours", WAYS[way])
    assert (tmp_path / "precious").read_bytes() == b"of a person"
    assert not (tmp_path / "nothing").exists()
    said = write_error(caught.value, tmp_path / "ours")
    assert (said.exit_code, said.hint) == (9, caught.value.hint) and str(tmp_path / "ours") in said.message


def test_a_file_of_ours_is_made_appended_to_and_emptied(tmp_path: Path) -> None:
    for way, expected in (("append", b"one"), ("append", b"oneone"), ("truncate", b"one"), ("both", b"one")):
        descriptor = open_own(tmp_path / "ours", WAYS[way])
        os.write(descriptor, b"one")
        os.close(descriptor)
        assert (tmp_path / "ours").read_bytes() == expected


def test_a_file_of_ours_has_the_users_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        os.close(open_own(tmp_path / "ours", WAYS["both"]))
    finally:
        os.umask(old)
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o640


def test_a_persons_file_is_read_through_a_link_and_a_pipe_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to("pipe")
    assert read_small(tmp_path / "link", 7) == b"content"
    for name in ("pipe", "link to a pipe", "."):
        with pytest.raises(NotOurFile):
            open_regular(tmp_path / name)


def test_what_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(OddFile, match="longer than 1,000 bytes"):
        read_small(tmp_path / "sparse", 1000)


def test_what_grows_while_it_is_read_is_not_read_for_ever(tmp_path: Path) -> None:
    stop = threading.Event()

    def grow() -> None:
        with (tmp_path / "growing").open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(bytes(100_000))

    (tmp_path / "growing").touch()
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(OddFile):
            read_for_ever(tmp_path / "growing")
    finally:
        stop.set()
        writer.join()


def read_for_ever(path: Path) -> None:
    while True:
        read_small(path, 10**7)


def open_now() -> list[int]:
    """The lowest descriptors that are free: what was left open would be missing from them."""
    free = [os.dup(0) for _ in range(3)]
    for descriptor in free:
        os.close(descriptor)
    return free


def test_descriptors_of_what_is_refused_are_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = open_now()
    for _ in range(5):
        with pytest.raises(NotOurFile):
            open_own(tmp_path / "pipe", WAYS["both"])
        with pytest.raises(NotOurFile):
            open_regular(tmp_path / "pipe")
    assert open_now() == before


def test_a_name_is_free_where_a_file_has_it_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refuse_unless_file(tmp_path / "file")
    refuse_unless_file(tmp_path / "nothing" / "below")
    others: list[Callable[[Path], None]] = [a_link_to_nothing, a_device, a_socket, os.mkfifo, Path.mkdir]
    for number, plant in enumerate(others):
        plant(tmp_path / str(number))
        with pytest.raises(NotOurFile):
            refuse_unless_file(tmp_path / str(number))
