"""No more memory, threads or files: said as what it is, wherever it was met."""

from __future__ import annotations

import errno

import pytest

from civitai_kit.core.errors import Code, in_our_tree
from civitai_kit.core.exhaustion import lack_of
from civitai_kit.core.network_errors import no_answer
from civitai_kit.core.retry import Trouble


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (ImportError("libx.so: failed to map segment from shared object"), "memory"),
        (RuntimeError("can't start new thread"), "threads"),
        (OSError(errno.EMFILE, "Too many open files"), "files"),
        (OSError(errno.ENFILE, "Too many open files in system"), "files"),
    ],
)
def test_what_there_is_no_more_of_is_said_with_what_to_do(error: Exception, word: str) -> None:
    said = in_our_tree(error)
    assert (said.code, said.exit_code) == (Code.UNFORESEEN, 1)
    assert word in said.message and said.hint and "ulimit" in said.hint
    wrapped = ValueError("of a library")
    wrapped.__cause__ = error
    assert in_our_tree(wrapped).message == said.message


def test_other_errors_are_not_called_so() -> None:
    for error in (RuntimeError("x"), OSError(errno.EIO, "x"), ImportError("No module named x"), ValueError()):
        assert lack_of(error) is None
    assert lack_of(None) is None


def test_it_is_found_behind_an_error_that_was_met_on_the_way() -> None:
    wrapped = ValueError("of a library")
    wrapped.__context__ = OSError(errno.EMFILE, "Too many open files")
    assert "files" in in_our_tree(wrapped).message


def test_a_ring_of_causes_is_left() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert lack_of(one) is None


def test_a_connection_for_which_no_file_can_be_opened_is_no_trouble_of_the_network() -> None:
    error = ConnectionError("of a library")
    error.__cause__ = OSError(errno.EMFILE, "Too many open files")
    said, trouble = no_answer(error, "civitai.com", silence=5)
    assert (said.code, trouble) == (Code.UNFORESEEN, Trouble.REFUSED)
    assert "files" in said.message
