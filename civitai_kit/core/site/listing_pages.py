"""A listing page of the site as a person sees it in the browser: which models it shows, as a query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from civitai_kit.core.errors import UsageError
from civitai_kit.core.site.enums import BadOption
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import Reference, ReferenceKind

_LISTINGS = (ReferenceKind.USER, ReferenceKind.TAG, ReferenceKind.LISTING)
# The page's parameters, and what they are in a query.
_ONE = {"tag": "tag", "query": "query", "username": "username", "user": "username", "sort": "sort", "period": "period"}
_MANY = {"types": "types", "baseModels": "base_models"}
# How a page looks, or what is the usual thing: nothing is lost without them.
_NO_MATTER = ("view", "page", "cursor", "limit", "nsfw", "periodMode")


def is_listing(reference: Reference) -> bool:
    """Whether a reference names a page that shows many models."""
    return reference.kind in _LISTINGS


def page_query(reference: Reference, usual: ModelQuery) -> ModelQuery:
    """What a listing page shows, on top of what is `usual`; raises UsageError for values that the site has not."""
    given = _parameters(reference)
    found: dict[str, Any] = {field: given[name][0] for name, field in _ONE.items() if name in given}
    found |= {field: _each(given[name]) for name, field in _MANY.items() if name in given}
    named = {"username": reference.username, "tag": reference.tag}
    try:
        return replace(usual, **{**found, **{field: value for field, value in named.items() if value is not None}})
    except BadOption as error:
        raise UsageError(f"{reference.text!r}: {error.message}", hint=error.hint) from error


def unread_parameters(reference: Reference) -> list[str]:
    """The parameters of a listing page that narrow it in a way that cannot be asked for here."""
    return [name for name in _parameters(reference) if name not in (*_ONE, *_MANY, *_NO_MATTER)]


def _parameters(reference: Reference) -> dict[str, list[str]]:
    return parse_qs(reference.listing)


def _each(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
