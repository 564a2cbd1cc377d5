"""From what was typed and set to a ScanRequest: named things, or listings, and what to keep of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.files import read_lines
from civitai_kit.core.errors import UsageError
from civitai_kit.core.plans.selection import ScanRequest, Selection
from civitai_kit.core.settings.keys import KEYS
from civitai_kit.core.settings.layers import Settings
from civitai_kit.core.site.enums import ModelSort, Period
from civitai_kit.core.site.listing_pages import is_listing, page_query, unread_parameters
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import LARGEST_ID, Reference, ReferenceKind, parse_reference

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
_WIDER = ("all_versions", "early_access", "allow_unsafe")
_NAMES = ("from_file", "model_id", "model_version_id")
# Narrows a listing where settings hold it; what they leave out of each model or file lets the whole site come.
_NARROWS = ("query", "tags", "usernames", "model_types", "base_models", "period", "limit", "max_pages", "top")
# Says which listing is wanted. Where any of it was typed, an id in the settings is passed over.
_ASKS = (*LISTING_ONLY, "model_types", "base_models", "tags", "usernames", "limit")


def scan_request(settings: Settings, refs: Sequence[Reference], typed: Collection[str]) -> ScanRequest:
    """What to scan. `refs` were typed; `typed` are the keys that flags set.

    A REF overrides the filters that settings bring; an id in the settings is a REF unless flags ask for a listing.
    """
    named = tuple(refs) or (() if set(typed) & set(_ASKS) else tuple(_set_references(settings)))
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


def request_of(call: Call, settings: Settings) -> ScanRequest:
    """The request of a command line; says which of its flags have no meaning beside a REF.

    Raises UsageError where nothing narrows it and --all was not typed: the whole site is seldom what is meant.
    """
    references = typed_references(call, settings)
    typed = call.layer().values
    request = scan_request(settings, references, typed)
    if not (request.references or references or call.has("all") or is_narrowed(settings, typed)):
        raise UsageError(
            f"Nothing narrows this {call.command}: it would walk the whole site.",
            hint="Name a REF or what to look for (--type, --tag, --username, --limit …), or say --all.",
        )
    _warn_of_unread_pages(call, references)
    warn_of_idle_flags(call, () if any(map(is_listing, references)) else request.references)
    return request


def is_narrowed(settings: Settings, typed: Collection[str]) -> bool:
    """Whether less than the whole site is asked for; any typed filter says so, `--limit 0` among them."""
    held = any(settings.value(key) != KEYS[key].default for key in _NARROWS)
    return held or not {*FILTERS, *_NARROWS}.isdisjoint(typed)


def filters_typed(call: Call) -> list[str]:
    """What was typed that says what to scan: REFs and the names of flags."""
    said = [*call.arguments]
    return said + [
        flag.long
        for flag in call.flags
        if flag.dest in call.typed and flag.dest in (*_ASKS, *FILTERS, *_WIDER, *_NAMES)
    ]


def typed_references(call: Call, settings: Settings) -> list[Reference]:
    """The REFs of the command line: positional, from a file, and ids. Raises UsageError for what is none."""
    references = [parse_reference(text, site=settings.api_url) for text in call.arguments]
    if (file := call.typed.get("from_file")) is not None:
        read = partial(parse_reference, site=settings.api_url)
        references += read_lines(file, read, wanted="names nothing to scan", hint="One REF a line; # begins a comment.")
    references += [
        Reference(ReferenceKind.MODEL, model_id=id_of(text, "--model-id"), text=text) for text in call.many("model_id")
    ]
    references += [
        Reference(ReferenceKind.VERSION, version_id=id_of(text, "--model-version-id"), text=text)
        for text in call.many("model_version_id")
    ]
    return references


def _warn_of_unread_pages(call: Call, references: Sequence[Reference]) -> None:
    for page in filter(is_listing, references):
        for name in unread_parameters(page):
            call.console.warn(f"{name} of the page {page.text} has no counterpart here; it is ignored.")


def warn_of_idle_flags(call: Call, references: Sequence[Reference]) -> None:
    """Warn of flags that have no meaning beside the others that were typed."""
    idle: dict[str, str] = {}
    if references:
        idle = dict.fromkeys(LISTING_ONLY, "for a model or version that is named")
    elif call.typed.get("query"):
        idle = {"sort": "beside --query: the site orders what it finds by relevance"}
    if references and all(reference.version_id for reference in references):
        idle["all_versions"] = "for a version that is named"
    for flag in call.flags:
        if flag.dest in idle and flag.dest in call.typed:
            call.console.warn(f"{flag.long} has no meaning {idle[flag.dest]}; it is ignored.")


def id_of(text: str, flag: str, *, prefix: str = "") -> int:
    """The id that a flag names, with or without a prefix such as `v_`; raises UsageError for what is none."""
    digits = text.lower().removeprefix(prefix)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) <= LARGEST_ID):
        raise UsageError(f"{flag}: {text!r} is no id.", hint=f"An id is a whole number from 1 to {LARGEST_ID}.")
    return int(digits)


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
