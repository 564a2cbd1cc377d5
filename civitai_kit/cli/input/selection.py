"""From a command line to a ScanRequest, and what of it has no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.files import read_lines
from civitai_kit.core.errors import UsageError
from civitai_kit.core.plans.scan_request import ASKS, FILTERS, LISTING_ONLY, WIDER, is_narrowed, scan_request
from civitai_kit.core.plans.selection import ScanRequest
from civitai_kit.core.settings.layers import Settings
from civitai_kit.core.site.listing_pages import is_listing, unread_parameters
from civitai_kit.core.site.references import LARGEST_ID, Reference, ReferenceKind, parse_reference

_NAMES = ("from_file", "model_id", "model_version_id")


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


def filters_typed(call: Call) -> list[str]:
    """What was typed that says what to scan: REFs and the names of flags."""
    said = [*call.arguments]
    return said + [
        flag.long for flag in call.flags if flag.dest in call.typed and flag.dest in (*ASKS, *FILTERS, *WIDER, *_NAMES)
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
