"""The model listing against site.md 2: parameters, refusals, cursors and the rows they lose."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from civitai_kit.testing import Known, Sandbox, World

MODELS = "/api/v1/models"


def ids(reply: httpx2.Response) -> list[int]:
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def walk(client: httpx2.Client, **params: Any) -> tuple[list[int], int]:
    """Every id that the cursors lead to, and the number of pages."""
    found: list[int] = []
    for pages in range(1, 100):
        reply = client.get(MODELS, params=params)
        found += ids(reply)
        cursor = reply.json()["metadata"].get("nextCursor")
        if cursor is None:
            return found, pages
        params["cursor"] = cursor
    raise AssertionError("the cursors never end")


def issues(reply: httpx2.Response) -> list[dict[str, Any]]:
    assert reply.status_code == 400
    assert reply.json()["error"]["name"] == "ZodError"
    found: list[dict[str, Any]] = json.loads(reply.json()["error"]["message"])
    return found


def test_the_default_page_hides_what_is_gone_gated_or_above_pg(site: httpx2.Client) -> None:
    shown = set(ids(site.get(MODELS)))
    hidden = {Known.ARCHIVED, Known.UNRATED, Known.PRIVATE, Known.REAL_PERSON, Known.MATURE, Known.HIDDEN_VERSIONS}
    assert not shown & hidden
    assert {Known.PLAIN_LORA, Known.TAKEN_DOWN, Known.NO_FILES, Known.EARLY_ACCESS} <= shown


def test_nsfw_adds_mature_models_and_archived_adds_archived_ones_whatever_its_value(site: httpx2.Client) -> None:
    assert Known.MATURE in ids(site.get(MODELS, params={"nsfw": "true"}))
    assert Known.ARCHIVED in ids(site.get(MODELS, params={"archived": "false"}))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": "101"}, "Too big: expected number to be <=100"),
        ({"limit": "x"}, "Invalid input: expected number, received NaN"),
        ({"limit": ["1", "2"]}, "Invalid input: expected number, received NaN"),
        ({"page": "0"}, "Too small: expected number to be >=1"),
        ({"ids": "1,x"}, "Invalid input: expected number, received NaN"),
        ({"sort": "newest"}, 'Invalid option: expected one of "Highest Rated"|'),
        ({"types": "LORA,Checkpoint"}, 'Invalid option: expected one of "Checkpoint"|'),
        ({"checkpointType": "Standard"}, 'Invalid option: expected one of "Trained"|"Merge"'),
        ({"nsfw": ""}, 'Invalid option: expected one of "true"|"1"|'),
        ({"nsfw": "None"}, 'Invalid option: expected one of "true"|"1"|'),
        ({"allowNoCredit": "true"}, "Invalid input: expected boolean, received string"),
        ({"browsingLevel": "1"}, "Invalid input: expected number, received string"),
        ({"fileFormats": "GGUF"}, "Invalid input: expected array, received string"),
    ],
)
def test_a_bad_parameter_is_refused_in_the_validators_words(
    site: httpx2.Client, params: dict[str, Any], message: str
) -> None:
    (issue,) = issues(site.get(MODELS, params=params))
    assert issue["message"].startswith(message)
    assert issue["path"][0] == next(iter(params))


def test_favorites_are_refused_before_anything_else_and_only_to_nobody(
    site: httpx2.Client, member: httpx2.Client
) -> None:
    params = {"favorites": "false", "limit": "999"}
    assert site.get(MODELS, params=params).json() == {"error": "Unauthorized"}
    assert member.get(MODELS, params=params).status_code == 400


def test_a_page_too_far_is_a_429_and_a_page_of_a_search_a_400(site: httpx2.Client) -> None:
    far = site.get(MODELS, params={"page": 11, "limit": 100, "query": "x"})
    assert (far.status_code, far.json()["error"]) == (
        429,
        "You've requested too many pages, please use cursors instead",
    )
    search = site.get(MODELS, params={"page": 2, "limit": 100, "query": "x"})
    assert search.json() == {"error": "Cannot use page param with query search. Use cursor-based pagination."}


def test_every_page_number_gives_the_first_page(site: httpx2.Client) -> None:
    first, second = (site.get(MODELS, params={"page": page, "limit": 3}) for page in (1, 2))
    assert ids(first) == ids(second)
    assert second.json()["metadata"]["currentPage"] == 2
    assert "page=2" in second.json()["metadata"]["nextPage"] and "cursor=" in second.json()["metadata"]["nextPage"]


def test_cursors_of_counting_sorts_lead_to_every_model_once(site: httpx2.Client) -> None:
    everything = ids(site.get(MODELS))
    for sort in ("Highest Rated", "Most Downloaded", "Most Liked", "Most Discussed", "Most Collected", "Most Images"):
        found, pages = walk(site, sort=sort, limit=7)
        assert sorted(found) == sorted(everything), sort
        assert pages > 1


def test_newest_loses_one_model_at_every_page_boundary(site: httpx2.Client) -> None:
    whole = ids(site.get(MODELS, params={"sort": "Newest"}))
    found, pages = walk(site, sort="Newest", limit=7)
    assert len(set(whole) - set(found)) == pages - 1


def test_newest_loses_nothing_when_the_cursors_id_is_raised_by_one(site: httpx2.Client) -> None:
    first = site.get(MODELS, params={"sort": "Newest", "limit": 5}).json()
    moment, number = first["metadata"]["nextCursor"].split("|")
    second = site.get(MODELS, params={"sort": "Newest", "limit": 5, "cursor": f"{moment}|{int(number) + 1}"})
    assert ids(second)[0] == int(number)


def test_a_cursor_belongs_to_its_sort(site: httpx2.Client) -> None:
    wrong = site.get(MODELS, params={"cursor": "5"})
    assert (wrong.status_code, wrong.json()["message"]) == (
        400,
        "Invalid cursor: expected 3 value(s) for this sort, received 1",
    )
    garbled = site.get(MODELS, params={"cursor": "1|x|3"})
    assert garbled.json()["message"] == 'Invalid cursor: unparseable numeric value "x"'
    undated = site.get(MODELS, params={"sort": "Newest", "cursor": "x|3"})
    assert undated.json()["message"] == 'Invalid cursor: unparseable date value "x"'


def test_the_last_page_has_no_cursor_key(site: httpx2.Client) -> None:
    assert site.get(MODELS).json()["metadata"] == {}


def test_the_next_page_repeats_the_query_with_the_token_in_it(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    reply = site.get(MODELS, params={"limit": 1, "types": ["LORA", "Checkpoint"], "token": "secret"})
    following = reply.json()["metadata"]["nextPage"]
    assert following.startswith(f"{civitai_sandbox.url}/api/v1/models?limit=1&types=LORA&types=Checkpoint&token=secret")
    assert "%7C" in following


def test_a_search_pages_by_offset_and_filters_after_the_page_is_cut(site: httpx2.Client) -> None:
    first = site.get(MODELS, params={"query": "e", "limit": 5, "baseModels": "Flux.1 D"})
    assert first.json()["metadata"]["nextCursor"] == "5"
    found, pages = walk(site, query="e", limit=5, baseModels="Flux.1 D")
    assert set(found) == {Known.FLUX, Known.GGUF} and pages > 2


def test_a_page_can_be_empty_and_still_have_a_cursor(civitai_sandbox: Sandbox, site: httpx2.Client) -> None:
    world = civitai_sandbox.world = World()
    for name in ("first", "second"):
        world.add_simple(name, thumbs_up=100 if name == "first" else 1)
    world.models[min(world.models)].versions[0].availability = "Unsearchable"
    page = site.get(MODELS, params={"limit": 1}).json()
    assert page["items"] == [] and page["metadata"]["nextCursor"]


def test_an_unknown_tag_filters_nothing_and_a_blocked_one_leaves_nothing(site: httpx2.Client) -> None:
    assert ids(site.get(MODELS, params={"tag": "no such tag"})) == ids(site.get(MODELS))
    assert ids(site.get(MODELS, params={"tag": "blocked tag"})) == []
    assert ids(site.get(MODELS, params={"tag": "film grain"})) == [Known.SPACED_TAG]


def test_a_username_is_normalised_and_an_unknown_one_is_not_found(site: httpx2.Client) -> None:
    assert Known.WORKFLOW in ids(site.get(MODELS, params={"username": "Version!ist"}))
    unknown = site.get(MODELS, params={"username": "nobody"})
    assert (unknown.status_code, unknown.json()) == (404, {"message": "User not found"})


def test_base_models_trim_the_versions_and_a_comma_matches_nothing(site: httpx2.Client) -> None:
    reply = site.get(MODELS, params={"baseModels": "SD 1.5", "ids": int(Known.PLAIN_LORA)}).json()["items"][0]
    assert [version["baseModel"] for version in reply["modelVersions"]] == ["SD 1.5"]
    assert set(reply["baseModels"]) == {"Pony", "SDXL 1.0", "SD 1.5"}
    assert ids(site.get(MODELS, params={"baseModels": "SD 1.5,Pony"})) == []


def test_ids_may_be_joined_by_commas_or_repeated(site: httpx2.Client) -> None:
    wanted = [int(Known.PLAIN_LORA), int(Known.GGUF)]
    joined = site.get(MODELS, params={"ids": ",".join(map(str, wanted))})
    repeated = site.get(MODELS, params={"ids": wanted})
    assert sorted(ids(joined)) == sorted(ids(repeated)) == wanted


def test_a_period_counts_back_from_the_worlds_today(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    assert ids(site.get(MODELS, params={"period": "Week"})) == []
    civitai_sandbox.world.models[Known.FLUX].versions[0].published_at = civitai_sandbox.world.now
    assert ids(site.get(MODELS, params={"period": "Week"})) == [Known.FLUX]


def test_a_limit_of_nothing_gives_one_model_and_no_cursor(site: httpx2.Client) -> None:
    reply = site.get(MODELS, params={"limit": 0})
    assert len(ids(reply)) == 1 and reply.json()["metadata"] == {}


def test_only_get_is_allowed_on_mixed_endpoints(site: httpx2.Client) -> None:
    for verb in ("HEAD", "OPTIONS", "POST"):
        assert site.request(verb, MODELS).status_code == 405
    assert site.post(MODELS).json() == {"error": "Method not allowed"}


def test_answers_to_nobody_may_be_cached_and_those_to_a_member_not(site: httpx2.Client, member: httpx2.Client) -> None:
    assert site.get(MODELS).headers["cache-control"].startswith("public")
    assert member.get(MODELS).headers["cache-control"] == "max-age=0, private, no-cache"


def test_creators_stats_and_licences_come_in_every_shape(site: httpx2.Client) -> None:
    items = {item["id"]: item for item in site.get(MODELS).json()["items"]}
    assert "creator" not in items[Known.NO_CREATOR] and items[Known.NO_CREATOR]["stats"] is None
    assert items[Known.LITERAL_LICENCE]["allowCommercialUse"] == "{Image,RentCivit}"
    assert items[Known.SINGLE_LICENCE]["allowCommercialUse"] == "Sell"
    assert items[Known.PLAIN_LORA]["allowCommercialUse"] == ["Image", "RentCivit"]
    assert items[Known.NO_FILES]["modelVersions"] == []
    assert items[Known.TAKEN_DOWN]["modelVersions"][0]["images"] == []


def test_files_show_computed_names_and_urls(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    items = {item["id"]: item for item in site.get(MODELS).json()["items"]}

    def files(known: Known) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = items[known]["modelVersions"][0]["files"]
        return found

    assert [file["name"] for file in files(Known.EMBEDDING)] == ["badhands.pt", "badhands-neg.pt"]
    assert files(Known.TRAINING_DATA)[1]["downloadUrl"].endswith("?type=Training%20Data")
    assert [file["name"] for file in files(Known.DUPLICATE_NAMES)][:2] == ["duplicate.safetensors"] * 2
    assert not any(file.get("primary") for file in files(Known.HIDDEN_PRIMARY))
    assert files(Known.NO_HASHES)[0]["hashes"] == {}
    vae = files(Known.LINKED_VAE)[1]
    assert vae["type"] == "VAE" and vae["id"] // 1000 == Known.VAE_OWNER
    assert vae["downloadUrl"].startswith(
        f"{civitai_sandbox.url}/api/download/models/{Known.LINKED_VAE * 100 + 1}?type=VAE"
    )
    assert len({file["downloadUrl"] for file in files(Known.IDENTICAL_FILES)}) == 2
    assert "size" not in files(Known.CHECKPOINT_VARIANTS)[-1]["metadata"]


def test_commercial_uses_are_whole_words_in_any_of_the_three_forms(site: httpx2.Client) -> None:
    found = {
        use: set(ids(site.get(MODELS, params={"allowCommercialUse": use}))) for use in ("Rent", "Sell", "RentCivit")
    }
    assert found["Rent"] == set() and found["Sell"] == {Known.SINGLE_LICENCE}
    assert {Known.LITERAL_LICENCE, Known.PLAIN_LORA} <= found["RentCivit"]
