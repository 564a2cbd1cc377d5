"""Answers spooled to a nameless file come back as they were, from any thread."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import NotWritable
from civitai_kit.disk.spool import Spool

TEXTS = st.text(st.characters())
ANSWERS = st.dictionaries(TEXTS, st.none() | st.integers() | TEXTS | st.lists(TEXTS), max_size=5)


@given(st.lists(st.tuples(ANSWERS, ANSWERS), max_size=5))
def test_answers_come_back_as_they_were_kept(answers: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    with Spool() as spool:
        for number, (model, version) in enumerate(answers):
            spool.keep({**model, "id": number}, version, number)
        for number, (model, version) in enumerate(answers):
            assert spool.version(number) == version
            assert spool.model(number) == {**model, "id": number}


def test_what_was_not_heard_is_none() -> None:
    with Spool() as spool:
        spool.keep(None, {"id": 1}, 1)
        assert (spool.version(2), spool.model(1), spool.version(1)) == (None, None, {"id": 1})


def test_a_model_is_kept_once_and_a_version_anew() -> None:
    with Spool() as spool:
        spool.keep({"id": 7, "n": 1}, {"n": 1}, 1)
        spool.keep({"id": 7, "n": 2}, {"n": 2}, 1)
        assert (spool.model(7), spool.version(1)) == ({"id": 7, "n": 1}, {"n": 2})


def test_many_threads_may_keep_and_ask_at_once() -> None:
    wrong: list[int] = []

    def work(start: int) -> None:
        for number in range(start, start + 50):
            spool.keep({"id": number, "of": "x" * number}, {"id": number}, number)
            if spool.version(number) != {"id": number} or spool.model(start) != {"id": start, "of": "x" * start}:
                wrong.append(number)

    with Spool() as spool:
        threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 400, 50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_nothing_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Spool() as spool:
        spool.keep({"id": 1}, {"id": 2}, 2)
        assert os.name != "posix" or list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(NotWritable) as caught:
        Spool()
    assert "TMPDIR" in (caught.value.hint or "")
