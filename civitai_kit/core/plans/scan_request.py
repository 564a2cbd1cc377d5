"""From settings and REFs to a ScanRequest: named things, or listings, and what to keep of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from civitai_kit.core.plans.selection import ScanRequest, Selection
from civitai_kit.core.settings.keys import KEYS
from civitai_kit.core.settings.layers import Settings
from civitai_kit.core.site.enums import ModelSort, Period
from civitai_kit.core.site.listing_pages import is_listing, page_query
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import Reference, ReferenceKind

# Has a meaning for a listing alone: typed beside a REF, it gets a warning.
LISTING_ONLY = ("query", "nsfw", "sort", "period", "page_size", "max_pages", "top", "all")
# Narrows what is fetched. Beside a REF it counts only where it was typed; a listing heeds the settings too.
FILTERS = (
    "model_types",
    "base_models",
    "tags",
    "usernames",
    "primary_only",
    "pruned",
    "fp16",
    "formats",
    "file_types",
    "min_size",
    "max_size",
    "ignore_base_models",
    "ignore_file_name_strings",
    "ignore_tags",
    "creator_exclude",
    "limit",
)
# Widens what is fetched, for REFs too.
WIDER = ("all_versions", "early_access", "allow_unsafe")
# Narrows a listing where settings hold it; what they leave out of each model or file lets the whole site come.
_NARROWS = ("query", "tags", "usernames", "model_types", "base_models", "period", "limit", "max_pages", "top")
# Says which listing is wanted. Where any of it was typed, an id in the settings is passed over.
ASKS = (*LISTING_ONLY, "model_types", "base_models", "tags", "usernames", "limit")


def scan_request(settings: Settings, refs: Sequence[Reference], typed: Collection[str]) -> ScanRequest:
    """What to scan. `refs` were typed; `typed` are the keys that flags set.

    A REF overrides the filters that settings bring; an id in the settings is a REF unless flags ask for a listing.
    """
    named = tuple(refs) or (() if set(typed) & set(ASKS) else tuple(_set_references(settings)))
    kept = _only_typed(settings, typed) if named else settings
    pages = [reference for reference in named if is_listing(reference)]
    queries = _page_queries(pages, kept, typed) if named else _queries(settings)
    of_a_listing = not named or bool(pages)
    return ScanRequest(
        references=tuple(reference for reference in named if not is_listing(reference)),
        queries=tuple(queries),
        selection=_selection(kept),
        limit=kept.limit,
        max_pages=settings.max_pages if of_a_listing else 0,
        top=settings.top if of_a_listing else 0,
    )


def is_narrowed(settings: Settings, typed: Collection[str]) -> bool:
    """Whether less than the whole site is asked for; any typed filter says so, `--limit 0` among them."""
    held = any(settings.value(key) != KEYS[key].default for key in _NARROWS)
    return held or not {*FILTERS, *_NARROWS}.isdisjoint(typed)


def _set_references(settings: Settings) -> Iterator[Reference]:
    """The id that settings hold; a version's comes before a model's, as in the Go downloader."""
    if settings.model_version_id:
        yield Reference(
            ReferenceKind.VERSION, version_id=settings.model_version_id, text=str(settings.model_version_id)
        )
    elif settings.model_id:
        yield Reference(ReferenceKind.MODEL, model_id=settings.model_id, text=str(settings.model_id))


def _only_typed(settings: Settings, typed: Collection[str]) -> Settings:
    return settings.model_copy(update={key: KEYS[key].default for key in FILTERS if key not in typed})


def _queries(settings: Settings) -> Iterator[ModelQuery]:
    """One listing for each tag and each creator; the site takes one of either at a time."""
    usual = _usual_query(settings)
    for tag, username in product(settings.tags or (None,), settings.usernames or (None,)):
        yield replace(usual, username=username, tag=tag)


def _page_queries(pages: Iterable[Reference], kept: Settings, typed: Collection[str]) -> Iterator[ModelQuery]:
    """What listing pages show: of the settings only what was typed counts beside them, and more than the page's own."""
    ours = {key: KEYS[key].default for key in ("query", "period") if key not in typed}
    usual = _usual_query(kept.model_copy(update=ours))
    over = {key: getattr(usual, key) for key in ("sort", "period", "query") if key in typed}
    for page in pages:
        yield replace(page_query(page, usual), **over)


def _usual_query(settings: Settings) -> ModelQuery:
    return ModelQuery(
        types=settings.model_types,
        base_models=settings.base_models,
        sort=ModelSort(settings.sort),
        period=Period(settings.period),
        nsfw=settings.nsfw,
        limit=min(settings.page_size, settings.top or settings.page_size),
        query=settings.query or None,
    )


def _selection(settings: Settings) -> Selection:
    return Selection(
        types=settings.model_types,
        base_models=settings.base_models,
        tags=settings.tags,
        usernames=settings.usernames,
        ignore_base_models=settings.ignore_base_models,
        ignore_tags=settings.ignore_tags,
        ignore_filenames=settings.ignore_file_name_strings,
        creator_exclude=settings.creator_exclude,
        formats=settings.formats,
        file_types=settings.file_types,
        min_size=settings.min_size or None,
        max_size=settings.max_size or None,
        all_versions=settings.all_versions,
        primary_only=settings.primary_only,
        pruned=settings.pruned,
        fp16=settings.fp16,
        allow_unsafe=settings.allow_unsafe,
        early_access=settings.early_access,
    )
