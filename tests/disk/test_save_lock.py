"""The save path's lock: one process at a time, freed by a crash, no trace when it is over."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from civitai_kit.core.errors import NotWritable, StoreLocked
from civitai_kit.disk.save_lock import NAME, SaveLock, holder_of

HOLD = """
import sys
from pathlib import Path
from civitai_kit.disk.save_lock import SaveLock
with SaveLock(Path(sys.argv[1]), "download 12345"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(root: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_another_process_is_told_who_holds_it(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as holder, pytest.raises(StoreLocked) as caught:
        SaveLock(tmp_path).acquire()
    assert str(holder.pid) in caught.value.message
    assert "download 12345" in caught.value.message
    assert caught.value.exit_code == 10
    assert caught.value.hint


def test_a_crash_frees_it_and_what_it_left_counts_for_nothing(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as holder:
        holder.kill()
        holder.wait()
        assert (tmp_path / NAME).exists()
        with SaveLock(tmp_path, "mine") as lock:
            assert lock.held
            assert (holder_of(tmp_path) or {})["command"] == "mine"


@pytest.mark.parametrize("content", ["", "junk", "[]", '{"pid": 1}', "x" * 10_000])
def test_stale_content_of_any_kind_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with SaveLock(tmp_path):
        assert (holder_of(tmp_path) or {})["pid"] == os.getpid()


def test_the_file_says_who_holds_it(tmp_path: Path) -> None:
    with SaveLock(tmp_path, "db import"):
        content = json.loads((tmp_path / NAME).read_bytes())
    assert set(content) == {"pid", "host", "command", "since"}


def test_a_second_lock_in_one_process_is_refused_too(tmp_path: Path) -> None:
    with SaveLock(tmp_path), pytest.raises(StoreLocked):
        SaveLock(tmp_path).acquire()


def test_it_may_be_taken_again_after_it_was_let_go(tmp_path: Path) -> None:
    lock = SaveLock(tmp_path)
    for _ in range(3):
        with lock:
            assert lock.held
        assert not lock.held
    lock.release()


def test_nothing_is_left_when_it_is_over(tmp_path: Path) -> None:
    with SaveLock(tmp_path / "new" / "save"):
        assert (tmp_path / "new" / "save" / NAME).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_save_path_that_was_filled_meanwhile_stays(tmp_path: Path) -> None:
    with SaveLock(tmp_path / "save"):
        (tmp_path / "save" / "file").touch()
    assert [path.name for path in (tmp_path / "save").iterdir()] == ["file"]


def test_a_save_path_that_is_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "save").touch()
    with pytest.raises(NotWritable):
        SaveLock(tmp_path / "save").acquire()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    # In a process of its own: forking one with threads is no sound test.
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom civitai_kit.disk.save_lock import SaveLock\n"
        "lock = SaveLock(Path(sys.argv[1]))\nlock.acquire()\nready, go = os.pipe()\nchild = os.fork()\n"
        "if not child:\n    os.close(go)\n    os.read(ready, 1)\n    os._exit(0)\n"
        "try:\n    SaveLock(Path(sys.argv[1])).acquire()\n    print('lost')\nexcept Exception:\n    print('kept')\n"
        "lock.release()\nSaveLock(Path(sys.argv[1])).acquire()\nprint('free')\nos.close(go)\nos.waitpid(child, 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.split() == ["kept", "free"], done.stderr


def test_of_many_processes_in_a_row_one_holds_it_at_a_time(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom civitai_kit.core.errors import StoreLocked\n"
        "from civitai_kit.disk.save_lock import SaveLock\nroot, taken = Path(sys.argv[1]), 0\nwhile taken < 40:\n"
        "    try:\n        with SaveLock(root):\n            os.close(os.open(root / 'mine', os.O_CREAT | os.O_EXCL))\n"
        "            os.unlink(root / 'mine')\n            taken += 1\n    except StoreLocked:\n        pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for worker in workers:
        _, said = worker.communicate(timeout=60)
        assert worker.returncode == 0, said


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_lies_in_the_locks_place_is_refused_and_unharmed(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"of a person")
    planted(kind, tmp_path / NAME, precious)
    with pytest.raises(NotWritable, match=NAME):
        SaveLock(tmp_path).acquire()
    assert precious.read_bytes() == b"of a person"
    assert holder_of(tmp_path) is None


# File systems without locks


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system says that it has no locks."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("no_locks")
def test_where_there_are_no_locks_the_file_is_one_and_that_is_said(tmp_path: Path) -> None:
    with SaveLock(tmp_path) as lock:
        assert lock.held and lock.notice is not None and "no locks" in lock.notice
        with pytest.raises(StoreLocked, match=str(os.getpid())) as caught:
            SaveLock(tmp_path).acquire()
        assert str(tmp_path / NAME) in (caught.value.hint or "")
    with SaveLock(tmp_path):
        assert (tmp_path / NAME).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_what_a_crash_on_this_machine_left_behind_is_no_lock(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as holder:
        holder.kill()
        holder.wait()
    with SaveLock(tmp_path, "mine"):
        assert (holder_of(tmp_path) or {})["command"] == "mine"


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("content", ["", "junk", '{"pid": 1, "host": "another"}', '{"pid": "x"}', '{"pid": -1}'])
def test_what_may_be_anothers_lock_is_respected(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(StoreLocked):
        SaveLock(tmp_path).acquire()
    assert (tmp_path / NAME).read_text() == content


def test_a_lock_file_that_another_has_made_anew_is_not_removed(tmp_path: Path) -> None:
    with SaveLock(tmp_path):
        (tmp_path / NAME).unlink()
        (tmp_path / NAME).write_text("anothers")
    assert (tmp_path / NAME).read_text() == "anothers"


def planted(kind: str, place: Path, precious: Path) -> None:
    match kind:
        case "link":
            place.symlink_to(precious)
        case "hard link":
            place.hardlink_to(precious)
        case _:
            os.mkfifo(place)
