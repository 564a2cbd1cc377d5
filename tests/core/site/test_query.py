"""What goes to the site for a query, and what is refused because the site would refuse or misread it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import BadQuery, Code, UsageError
from civitai_kit.core.site.enums import (
    BadOption,
    CommercialUse,
    ImageSort,
    MediaType,
    ModelSort,
    ModelType,
    NsfwLevel,
    Period,
)
from civitai_kit.core.site.query import ImageQuery, ModelQuery, image_query, model_query
from civitai_kit.core.site.query_options import ImageOptions, ModelOptions


def sent(query: ModelQuery | ImageQuery) -> dict[str, list[str]]:
    """The parameters by name."""
    found: dict[str, list[str]] = {}
    for name, value in query.params():
        found.setdefault(name, []).append(value)
    return found


def test_nothing_said_asks_for_whole_pages_only() -> None:
    assert ModelQuery().params() == [("limit", "100")]
    assert ImageQuery().params() == [("limit", "200")]


def test_lists_are_repeated_keys_since_the_site_refuses_commas() -> None:
    query = model_query({"types": ["LORA", "LoCon"], "base_models": ("SDXL 1.0", "Pony"), "ids": [3, 4]})
    assert sent(query) == {
        "limit": ["100"],
        "ids": ["3", "4"],
        "types": ["LORA", "LoCon"],
        "baseModels": ["SDXL 1.0", "Pony"],
    }


def test_one_value_is_a_list_of_one_and_doubles_are_said_once() -> None:
    assert model_query({"types": "LORA", "base_models": "Pony", "ids": 5}) == ModelQuery(
        types=("LORA",), base_models=("Pony",), ids=(5,)
    )
    assert model_query({"types": [ModelType.LORA, "lora", "LORA"]}).types == ("LORA",)


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("supports_generation", "supportsGeneration"),
        ("from_platform", "fromPlatform"),
        ("early_access", "earlyAccess"),
        ("archived", "archived"),
        ("followed", "followed"),
        ("favorites", "favorites"),
        ("hidden", "hidden"),
        ("new_creators", "newCreators"),
        ("primary_file_only", "primaryFileOnly"),
    ],
)
def test_a_false_flag_is_not_sent_because_the_site_takes_it_for_true(name: str, site: str) -> None:
    assert site not in sent(model_query({name: False}))
    assert sent(model_query({name: True}))[site] == ["true"]


def test_nsfw_of_models_is_sent_both_ways_and_not_when_not_said() -> None:
    assert sent(ModelQuery(nsfw=True))["nsfw"] == ["true"]
    assert sent(ModelQuery(nsfw=False))["nsfw"] == ["false"]
    assert "nsfw" not in sent(ModelQuery())


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("Yes", True), ("0", False), ("disabled", False)])
def test_the_sites_words_for_true_and_false_are_understood(word: Any, meant: bool) -> None:
    assert model_query({"nsfw": word, "archived": word}) == ModelQuery(nsfw=meant, archived=meant)


@pytest.mark.parametrize(
    ("nsfw", "bits"),
    [(True, "31"), (False, "1"), ("None", "1"), ("Soft", "3"), ("mature", "7"), ("X", "31"), (NsfwLevel.X, "8")],
)
def test_nsfw_of_images_becomes_exact_bits(nsfw: Any, bits: str) -> None:
    assert sent(ImageQuery(nsfw=nsfw))["browsingLevel"] == [bits]


@pytest.mark.parametrize(
    ("level", "bits"),
    [(31, "31"), ("31", "31"), (NsfwLevel.PG | NsfwLevel.R, "5"), ("PG,PG13", "3"), ("pg|xxx", "17"), ("X", "8")],
)
def test_a_browsing_level_is_bits_a_number_or_names_and_wins(level: Any, bits: str) -> None:
    assert sent(ImageQuery(browsing_level=level, nsfw=False))["browsingLevel"] == [bits]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("newest", ModelSort.NEWEST),
        ("most_downloaded", ModelSort.MOST_DOWNLOADED),
        ("Most Liked", ModelSort.MOST_LIKED),
    ],
)
def test_an_order_is_corrected_in_case_and_spacing(said: Any, meant: ModelSort) -> None:
    assert ModelQuery(sort=said).sort is meant


def test_known_types_are_corrected_in_case_and_unknown_ones_passed_on() -> None:
    assert model_query({"types": ["checkpoint", "LOCON", "Hologram"]}).types == ("Checkpoint", "LoCon", "Hologram")
    assert model_query({"base_models": "SDXL 9"}).base_models == ("SDXL 9",)


def test_enums_are_sent_in_the_sites_spelling() -> None:
    query = model_query(
        {"sort": ModelSort.MOST_IMAGES, "period": Period.ALL_TIME, "allow_commercial_use": [CommercialUse.RENT_CIVIT]}
    )
    assert sent(query) == {
        "limit": ["100"],
        "sort": ["Most Images"],
        "period": ["AllTime"],
        "allowCommercialUse": ["RentCivit"],
    }
    images = image_query({"sort": ImageSort.RANDOM, "type": MediaType.VIDEO, "with_meta": True, "tags": [7]})
    assert sent(images) == {
        "limit": ["200"],
        "sort": ["Random"],
        "type": ["video"],
        "withMeta": ["true"],
        "tags": ["7"],
    }


@pytest.mark.parametrize(
    ("username", "parameter"), [("Some_Body1", "username"), ("12345", "username"), ("a b", "username"), ("Ünï", "user")]
)
def test_a_name_whose_letters_the_site_would_drop_is_sent_so_that_it_does_not(username: str, parameter: str) -> None:
    assert sent(ModelQuery(username=username)) == {"limit": ["100"], parameter: [username]}


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"sort": "Newset"}, "Newest"),
        ({"sort": "most dowloaded"}, "Most Downloaded"),
        ({"period": "Alltimes"}, "AllTime"),
        ({"checkpoint_type": "Standard"}, "Trained"),
        ({"allow_commercial_use": "Sold"}, "Sell"),
        ({"base_model": "Pony"}, "base_models"),
        ({"page": 2}, "cursor"),
        ({"token": "secret"}, "api_key"),
        ({"allow_no_credit": True}, "answers"),
        ({"limit": 0}, "1 to 100"),
        ({"limit": 101}, "1 to 100"),
        ({"limit": "5"}, "1 to 100"),
        ({"limit": True}, "1 to 100"),
        ({"tag": ""}, "Leave it out"),
        ({"username": "  "}, "Leave it out"),
        ({"ids": [0]}, "from 1"),
        ({"ids": "one"}, "from 1"),
        ({"ids": [2**31]}, "from 1"),
    ],
)
def test_what_the_site_would_refuse_or_misread_is_refused_with_a_hint(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(BadOption) as caught:
        model_query(options)
    assert hint in (caught.value.hint or "")
    assert isinstance(caught.value, UsageError) and isinstance(caught.value, BadQuery)
    assert (caught.value.code, caught.value.status, caught.value.exit_code) == (Code.USAGE, None, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"nsfw": "sometimes"},
        {"nsfw": NsfwLevel.R},
        {"archived": 1},
        {"types": 3},
        {"types": [None]},
        {"query": 3},
        {"base_models": [" "]},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        model_query(options)


@pytest.mark.parametrize(
    "options",
    [
        {"username": "a/b"},
        {"username": "Ünï"},
        {"tags": ["style"]},
        {"model_id": 1, "model_version_id": 2},
        {"nsfw": "Very"},
        {"browsing_level": 0},
        {"browsing_level": 64},
        {"browsing_level": "PG,PG14"},
        {"limit": 201},
        {"ids": range(1, 102)},
        {"ids": [0]},
        {"sort": "Highest Rated"},
        {"type": "film"},
        {"post_id": -1},
    ],
)
def test_what_an_image_listing_cannot_take_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption) as caught:
        image_query(options)
    assert caught.value.message


def test_many_images_are_asked_for_in_one_list_and_come_by_the_older_path() -> None:
    query = ImageQuery(ids=(7, 5, 7))
    assert sent(query)["ids"] == ["7,5"] and query.by_id
    assert "ids" not in sent(ImageQuery())


def test_a_blank_search_is_none() -> None:
    assert model_query({"query": "  "}) == ModelQuery()


def test_only_the_newest_order_without_a_search_loses_rows() -> None:
    assert ModelQuery(sort=ModelSort.NEWEST).newest_first
    assert not ModelQuery(sort=ModelSort.NEWEST, query="cat").newest_first
    assert not ModelQuery(sort=ModelSort.OLDEST).newest_first


def test_the_options_that_can_be_typed_are_those_of_the_queries() -> None:
    assert set(get_type_hints(ModelOptions)) == {part.name for part in fields(ModelQuery)}
    assert set(get_type_hints(ImageOptions)) == {part.name for part in fields(ImageQuery)}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.sampled_from(ModelSort),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([part.name for part in fields(ModelQuery)]), ANYTHING))
def test_any_options_make_a_query_of_texts_or_are_refused(options: dict[str, Any]) -> None:
    with suppress(BadOption):
        query = model_query(options)
        assert all(isinstance(name, str) and type(value) is str for name, value in query.params())


@given(st.dictionaries(st.sampled_from([part.name for part in fields(ImageQuery)]), ANYTHING))
def test_any_options_make_an_image_query_of_texts_or_are_refused(options: dict[str, Any]) -> None:
    with suppress(BadOption):
        query = image_query(options)
        assert all(isinstance(name, str) and type(value) is str for name, value in query.params())
