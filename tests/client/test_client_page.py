"""The page about the client names all that can be asked."""

from __future__ import annotations

import re
from pathlib import Path

import civitai_kit
from civitai_kit import AsyncClient, Client

PAGE = Path(civitai_kit.__file__).parents[1] / "docs" / "client.md"


def test_the_table_of_questions_names_every_method() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What can be asked")[2].partition("## Pages")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    for kind in (Client, AsyncClient):
        asked = {name for name in dir(kind) if not name.startswith("_")} - {"close", "aclose", "download"}
        assert asked <= named
    assert named - set(dir(Client)) == set()
