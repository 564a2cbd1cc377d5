"""Digests of local files: right for every size, stopped when told, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from civitai_kit.core.errors import DiskError, Interrupted
from civitai_kit.core.plans.digests import ALL, Digester, Digests
from civitai_kit.disk.hashing import CHUNK, digest_file


def expected(content: bytes, names: frozenset[str] = ALL) -> Digests:
    digester = Digester(names)
    digester.update(memoryview(content))
    return digester.digests()


@pytest.mark.parametrize("size", [0, 1, 7, 8, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 9 * CHUNK + 12345])
def test_threads_find_the_same_digests_as_one_pass(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert digest_file(tmp_path / "file") == expected(content)


@pytest.mark.parametrize(
    "names", [{"sha256"}, {"blake3"}, {"crc32", "sha256"}, {"auto_v2"}, {"auto_v1", "auto_v3"}, set()]
)
def test_only_what_is_asked_is_computed(tmp_path: Path, names: set[str]) -> None:
    content = os.urandom(3 * CHUNK + 5)
    (tmp_path / "file").write_bytes(content)
    assert digest_file(tmp_path / "file", frozenset(names)) == expected(content, frozenset(names))


def test_progress_is_told_every_byte(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(6 * CHUNK + 3))
    told: list[int] = []
    digest_file(tmp_path / "file", progress=told.append)
    assert sum(told) == 6 * CHUNK + 3


def test_a_stop_ends_it_at_the_next_chunk(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20 * CHUNK))
    stop, told = threading.Event(), list[int]()

    def progress(read: int) -> None:
        told.append(read)
        if len(told) == 3:
            stop.set()

    with pytest.raises(Interrupted):
        digest_file(tmp_path / "file", stop=stop, progress=progress)
    assert len(told) == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("digest")]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(DiskError) as caught:
            digest_file(path)
        assert str(path) in caught.value.message


@pytest.mark.skipif(os.name != "posix", reason="memory is counted by POSIX")
def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom civitai_kit.disk.hashing import digest_file\n"
        "digest_file(Path(sys.argv[1]))\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "digest_file(Path(sys.argv[2]))\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    for name, size in (("small", 5 * CHUNK), ("large", 200 * CHUNK)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    command = [sys.executable, "-c", code, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 * 1024
