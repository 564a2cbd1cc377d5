"""Names of files under a locale that is not UTF-8, and the refusal of one that cannot be said at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import NotWritable
from civitai_kit.files.errors import writing
from civitai_kit.files.names import plain_name, sayable_name, system_name

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1)


@given(names)
def test_in_utf8_a_name_is_itself(name: str) -> None:
    assert system_name(name) == plain_name(name) == sayable_name(name) == name


@pytest.mark.skipif(os.name != "posix", reason="other systems have names in Unicode, whatever the locale")
@pytest.mark.parametrize("name", ["漢字", "plain", "naïve", "🙂.png", "\udcff odd"])
def test_under_a_locale_of_ascii_a_name_has_its_bytes_of_utf8_and_comes_back(name: str) -> None:
    script = """
import os, sys
from civitai_kit.files.names import plain_name, sayable_name, system_name
name = os.fsencode(sys.argv[1]).decode("utf-8", "surrogateescape")
held = system_name(name)
assert sys.getfilesystemencoding() == "ascii" and plain_name(held) == name
assert sayable_name(held) == held and sayable_name(name) == held
sys.stdout.buffer.write(os.fsencode(held))
"""
    around = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command: list[str | bytes] = [sys.executable, "-c", script, os.fsencode(name)]
    done = subprocess.run(command, env=around, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, os.fsencode(name)), done.stderr


def test_a_name_that_cannot_be_said_is_not_writable_and_says_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "\ud800"
    with pytest.raises(NotWritable, match="letters that the locale's encoding has not") as refused, writing(place):
        place.write_bytes(b"")
    assert "UTF-8" in (refused.value.hint or "") and refused.value.exit_code == 9
