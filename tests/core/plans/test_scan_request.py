"""From flags and settings to what is asked and kept; and what a log may hold."""

from __future__ import annotations

import pytest

from civitai_kit.cli.output.logs import redactor
from civitai_kit.core.plans.scan_request import scan_request
from civitai_kit.core.settings.layers import Layer, Settings, merge
from civitai_kit.core.site.enums import ModelSort, Period
from civitai_kit.core.site.references import Reference, ReferenceKind

REF = Reference(ReferenceKind.MODEL, model_id=5, text="5")


def settings(**values: object) -> Settings:
    """Settings as a file brings them."""
    return merge([Layer("./config.toml", values)]).settings


def test_without_a_ref_the_listing_is_asked_as_the_settings_say() -> None:
    wanted = {"model_types": ["LORA"], "base_models": ["Pony"], "sort": "Newest", "period": "Week"}
    request = scan_request(settings(**wanted, page_size=7, nsfw=True, limit=3), [], ())
    (query,) = request.queries
    assert (query.types, query.base_models, query.sort, query.period) == (
        ("LORA",),
        ("Pony",),
        ModelSort.NEWEST,
        Period.WEEK,
    )
    assert (query.limit, query.nsfw, request.limit, request.references) == (7, True, 3, ())


def test_several_tags_and_creators_are_one_listing_each() -> None:
    request = scan_request(settings(tags=["a", "b"], usernames=["u", "v"]), [], ())
    asked = [(query.tag, query.username) for query in request.queries]
    assert asked == [("a", "u"), ("a", "v"), ("b", "u"), ("b", "v")]
    assert request.selection.tags == ("a", "b") and request.selection.usernames == ("u", "v")


def test_a_ref_asks_no_listing_and_drops_what_the_settings_filter() -> None:
    held = settings(tags=["a"], base_models=["Pony"], primary_only=True, min_size="1GB", limit=1, max_pages=1)
    request = scan_request(held, [REF], ())
    assert (request.references, request.queries, request.limit, request.max_pages) == ((REF,), (), 0, 0)
    assert request.selection == scan_request(settings(), [REF], ()).selection


def test_what_is_typed_beside_a_ref_still_filters() -> None:
    held = settings(base_models=["Pony"], primary_only=True, limit=1)
    request = scan_request(held, [REF], {"base_models", "limit"})
    assert (request.selection.base_models, request.selection.primary_only, request.limit) == (("Pony",), False, 1)


@pytest.mark.parametrize("key", ["all_versions", "early_access", "allow_unsafe"])
def test_what_widens_counts_for_a_ref_too(key: str) -> None:
    assert getattr(scan_request(settings(**{key: True}), [REF], ()).selection, key) is True


def test_an_id_of_the_settings_is_a_ref_unless_a_listing_is_typed() -> None:
    held = settings(model_version_id=7, model_id=5)
    assert [ref.version_id for ref in scan_request(held, [], ()).references] == [7]
    assert scan_request(held, [], {"tags"}).references == ()
    assert scan_request(held, [REF], ()).references == (REF,)


def test_no_bound_is_none() -> None:
    assert scan_request(settings(), [], ()).selection.max_size is None
    assert scan_request(settings(max_size="5MB"), [], ()).selection.max_size == 5_000_000


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("the key is k3y-of-mine.", "the key is [redacted]."),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("{'authorization': 'Bearer abc'}", "{'authorization': 'Bearer [redacted]'}"),
        ("GET https://x/y?token=abc&a=1", "GET https://x/y?a=1"),
        ("https://s/f?X-Amz-Signature=00ff&X-Amz-Expires=9", "https://s/f"),
        ("a bearer of news", "a bearer [redacted] news"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_a_log_line_holds_no_secret(text: str, redacted: str) -> None:
    assert redactor("k3y-of-mine", "")(text) == redacted
