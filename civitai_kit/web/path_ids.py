"""Ids that stand in a path or a query."""

from __future__ import annotations

from starlette.requests import Request

from civitai_kit.core.site.references import LARGEST_ID


def id_in_path(request: Request, name: str) -> int:
    """The id; 0 for what can be none, which is asked of nobody and found nowhere."""
    return readable_id(str(request.path_params[name]))


def readable_id(said: str) -> int:
    """The same for a text."""
    number = int(said) if said.isascii() and said.isdigit() and len(said) <= len(str(LARGEST_ID)) else 0
    return number if number <= LARGEST_ID else 0
