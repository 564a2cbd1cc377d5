"""The files of the site: the index with its data, a page a model, and what both are drawn and driven by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from civitai_kit.core.library.kept_model import KeptModel
from civitai_kit.pages.card import card_of
from civitai_kit.pages.facts import facts_of
from civitai_kit.pages.model_page import page_of

# No folder of a model begins so (see FolderNames).
ASSETS = "_pages"
CARDS = f"{ASSETS}/models.js"
_DATA = "window.LIBRARY = "


class LibraryPages:
    """Makes pages whose links lead to `site`, its root."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._templates = Environment(
            loader=PackageLoader("civitai_kit.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def edition(self) -> str:
        """What changes when pages made of the same model would come out differently."""
        told = sha256(self._site.encode())
        for file in _sources(files("civitai_kit.pages")):
            told.update(file.read_bytes())
        return told.hexdigest()

    def page(self, kept: KeptModel) -> tuple[dict[str, Any], bytes]:
        """A model's card and page."""
        facts = facts_of(kept)
        html = self._model.render(page=page_of(facts, self._site), assets=f"../{ASSETS}")
        return card_of(facts), _encoded(html)

    def index(self) -> Mapping[str, bytes]:
        """The pages at the top, and what all pages share, by path; `cards` makes the one file that is missing."""
        html = self._templates.get_template("index.html").render(assets=ASSETS, data=CARDS)
        moved = self._templates.get_template("moved.html").render(assets=ASSETS)
        shared = files("civitai_kit.pages") / "assets"
        return {
            "index.html": _encoded(html),
            "models_manager.html": _encoded(moved),
            **{f"{ASSETS}/{file.name}": file.read_bytes() for file in sorted(shared.iterdir(), key=lambda it: it.name)},
        }

    @staticmethod
    def cards(cards: Iterable[Mapping[str, Any]]) -> tuple[str, bytes]:
        """The data of the index, at its path: a script, because a page opened from a file may not fetch anything."""
        said = json.dumps({"models": list(cards)}, ensure_ascii=False, separators=(",", ":"))
        return CARDS, _encoded(f"{_DATA}{said};\n".replace("<", "\\u003c"))

    @staticmethod
    def cards_in(script: bytes | None) -> list[dict[str, Any]]:
        """The cards in such a script; none where it is missing or something else."""
        try:
            said = json.loads((script or b"").decode().removeprefix(_DATA).rstrip().removesuffix(";"))
            return [card for card in said["models"] if isinstance(card["folder"], str)]
        except (ValueError, LookupError, TypeError, RecursionError):
            return []

    @cached_property
    def _model(self) -> Any:
        return self._templates.get_template("model.html")


def _sources(folder: Traversable) -> Iterable[Traversable]:
    """What pages are made by: every template, script, style and module."""
    for found in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if found.is_dir():
            yield from _sources(found)
        elif not found.name.endswith(".pyc"):
            yield found


def _encoded(text: str) -> bytes:
    """As UTF-8; half a surrogate pair, which some JSON holds, becomes `?`."""
    return text.encode("utf-8", "replace")
