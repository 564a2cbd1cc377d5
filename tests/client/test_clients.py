"""Both clients against the sandbox: every endpoint, every fault, the key's way, and what is refused unsent."""

from __future__ import annotations

import traceback
from importlib import import_module
from operator import methodcaller
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

import civitai_kit
from civitai_kit import (
    AsyncClient,
    BadQuery,
    CivitaiKitError,
    Client,
    ModelSort,
    ModelType,
    NotFound,
    RateLimited,
    RegionBlocked,
    RetryRules,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
    UsageError,
)
from civitai_kit.sandbox.worlds.standard_gallery import FIRST_GALLERY_IMAGE, PAINTER, POST
from civitai_kit.testing import Known, Sandbox, World
from tests.client.conftest import SWIFT, Asking

FIRST_SHA256 = "0" * 64


def sha256_of(sandbox: Sandbox, version_id: int) -> str:
    """The SHA256 that the sandbox says a version's first file has."""
    with Client(base_url=sandbox.url) as client:
        found = client.version(version_id).files[0].hashes.sha256
    assert found is not None
    return found


# -- what can be asked ----------------------------------------------------------------------------------------


def test_a_model_by_id_has_its_versions_and_the_answer_as_received(asking: Asking) -> None:
    model = asking.ask(lambda client: client.model(Known.PLAIN_LORA))
    assert (model.id, model.type, len(model.versions)) == (Known.PLAIN_LORA, ModelType.LORA, 3)
    assert model.raw["id"] == Known.PLAIN_LORA and model.raw["modelVersions"][0]["id"] == model.versions[0].id


def test_a_version_by_id_knows_its_model(asking: Asking) -> None:
    version = asking.ask(lambda client: client.version(Known.PLAIN_LORA * 100 + 1))
    assert version.model_id == Known.PLAIN_LORA
    assert version.files[0].hashes.sha256 and version.air


def test_a_version_is_found_by_any_digest_of_its_file(asking: Asking) -> None:
    version = asking.ask(lambda client: client.version(Known.PLAIN_LORA * 100 + 1))
    hashes = version.files[0].hashes
    for digest in (*(hashes.sha256, hashes.auto_v2, hashes.auto_v3), *(hashes.blake3, hashes.crc32, hashes.sha256_12)):
        assert asking.ask(methodcaller("version_by_hash", digest)).id == version.id


def test_a_version_is_found_by_the_hash_word_of_a_files_header(asking: Asking) -> None:
    model = asking.ask(lambda client: client.model(Known.LOCON))
    word = model.versions[0].files[0].hashes.sshs_12
    assert asking.ask(methodcaller("version_by_hash", word)).model_id == Known.LOCON


def test_a_digest_that_nobody_has_is_not_found(asking: Asking) -> None:
    with pytest.raises(NotFound):
        asking.ask(lambda client: client.version_by_hash("0" * 12))


def test_models_by_id_are_a_request_a_hundred_and_what_is_not_listed_is_missing(asking: Asking) -> None:
    wanted = [Known.MATURE, Known.PLAIN_LORA, 999_999, Known.PLAIN_LORA, *range(500_000, 500_120)]
    found = asking.ask(lambda client: client.models_by_id(wanted))
    assert sorted(model.id for model in found) == [Known.PLAIN_LORA, Known.MATURE]
    assert {len(model.versions) for model in found} == {1, 3}
    assert len(asking.sandbox.requests) == 2


def test_images_by_id_are_a_request_a_hundred_and_what_is_not_shown_is_missing(asking: Asking) -> None:
    wanted = [FIRST_GALLERY_IMAGE + 10, FIRST_GALLERY_IMAGE, 5, *range(500_000, 500_120)]
    found = asking.ask(lambda client: client.images_by_id(wanted, with_meta=True))
    assert {image.id for image in found} == {FIRST_GALLERY_IMAGE, FIRST_GALLERY_IMAGE + 10}
    assert all(image.meta and image.meta["steps"] == 20 for image in found)
    assert len(asking.sandbox.requests) == 2


def test_no_ids_ask_nothing(asking: Asking) -> None:
    assert (
        asking.ask(lambda client: client.models_by_id([])) == asking.ask(lambda client: client.images_by_id(())) == ()
    )
    assert len(asking.sandbox.requests) == 0


def test_a_post_has_its_images_and_whose_it_is(asking: Asking) -> None:
    post = asking.ask(lambda client: client.post(POST))
    assert (post.id, post.title, post.user.username, post.tags) == (POST, "By the sea", PAINTER, ("house", "line art"))
    assert [image.id for image in post.images] == [FIRST_GALLERY_IMAGE + number for number in range(13)]
    assert [image.id for image in post.images if image.thumbnail] == [FIRST_GALLERY_IMAGE + 4, FIRST_GALLERY_IMAGE + 5]
    with pytest.raises(NotFound, match="Post not found"):
        asking.ask(lambda client: client.post(5))


def test_a_batch_of_digests_gives_each_version_once(asking: Asking) -> None:
    ids = [Known.PLAIN_LORA * 100 + number for number in (1, 2, 3)]
    digests = [sha256_of(asking.sandbox, number) for number in ids]
    found = asking.ask(lambda client: client.versions_by_hash([*digests, *digests, FIRST_SHA256]))
    assert sorted(version.id for version in found) == ids
    addresses = [version.download_url for version in found] + [file.download_url for v in found for file in v.files]
    assert all(address.startswith(f"{asking.sandbox.url}/api/download/") for address in addresses if address)


def test_more_digests_than_one_question_takes_are_asked_in_several(asking: Asking) -> None:
    digests = [f"{number:064x}" for number in range(205)]
    assert asking.ask(lambda client: client.versions_by_hash(digests)) == ()
    assert len(asking.sandbox.requests) == 3


def test_the_look_up_of_ids_names_version_model_and_digest(asking: Asking) -> None:
    digest = sha256_of(asking.sandbox, Known.PLAIN_LORA * 100 + 1)
    (row,) = asking.ask(lambda client: client.version_ids_by_hash([digest.upper(), FIRST_SHA256]))
    assert (row.model_version_id, row.model_id, row.hash) == (Known.PLAIN_LORA * 100 + 1, Known.PLAIN_LORA, digest)


def test_me_is_the_owner_of_the_key(asking: Asking) -> None:
    assert asking.ask(lambda client: client.me(), asking.sandbox.api_key).username
    with pytest.raises(Unauthorized) as caught:
        asking.ask(lambda client: client.me(), "nobodys-key")
    assert caught.value.status == 401 and "wrong or expired key" in str(caught.value.hint)
    with pytest.raises(Unauthorized, match="login") as caught:
        asking.ask(lambda client: client.me())
    assert "Make an API key" in str(caught.value.hint)


def test_enums_are_lists_of_words(asking: Asking) -> None:
    assert "LORA" in asking.ask(lambda client: client.enums())["ModelType"]


def test_users_are_found_by_name_and_by_id(asking: Asking) -> None:
    (user,) = asking.ask(lambda client: client.users(query="versionist"))
    (again,) = asking.ask(lambda client: client.users(ids=[user.id]))
    assert again.username == "versionist"


def test_creators_and_tags_are_walked_to_their_end(asking: Asking) -> None:
    names = [creator.username for creator in asking.ask(lambda client: client.creators(limit=2))]
    assert len(names) == len(set(names)) > 4
    tags = [tag.name for tag in asking.ask(lambda client: client.tags(limit=2))]
    assert len(tags) == len(set(tags)) > 4


def test_a_page_of_creators_names_the_next_page_by_number(asking: Asking) -> None:
    first = asking.ask(lambda client: client.creators_page(limit=2))
    second = asking.ask(lambda client: client.creators_page(limit=2, cursor=first.next_cursor))
    assert first.next_cursor == 2
    assert not {row.username for row in first.items} & {row.username for row in second.items}
    assert first.raw["metadata"] == first.metadata


def test_a_tag_exists_in_any_case_and_an_unknown_one_does_not(asking: Asking) -> None:
    assert asking.ask(lambda client: client.tag_exists("Line Art")) is True
    assert asking.ask(lambda client: client.tag_exists("line")) is False
    assert asking.ask(lambda client: client.tag_exists("no such tag")) is False


def test_images_carry_their_generation_data_flat_on_both_paths(asking: Asking) -> None:
    by_model = asking.ask(lambda client: client.images(model_id=Known.PLAIN_LORA, with_meta=True, browsing_level=31))
    feed = asking.ask(lambda client: client.images(with_meta=True, nsfw=True))
    assert any(image.meta and "prompt" in image.meta for image in by_model)
    assert any(image.meta and "prompt" in image.meta for image in feed)


def test_enums_and_texts_ask_the_same(asking: Asking) -> None:
    typed = asking.ask(lambda client: client.models(types=ModelType.LORA, sort=ModelSort.OLDEST, nsfw=True))
    plain = asking.ask(lambda client: client.models(types=["lora"], sort="oldest", nsfw=True))
    assert [model.id for model in typed] == [model.id for model in plain] != []
    assert {model.type for model in typed} == {"LORA"}


def test_a_name_with_foreign_letters_finds_its_owner_and_nobody_else(asking: Asking) -> None:
    found = asking.ask(lambda client: client.models(username="Ünï_Name", nsfw=True))
    assert {model.creator.username for model in found} <= {"Ünï_Name"}


def test_an_unknown_name_is_not_found(asking: Asking) -> None:
    with pytest.raises(NotFound) as caught:
        asking.ask(lambda client: client.models(username="nobody_here"))
    assert "User not found" in caught.value.message


# -- what goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        *("rate_limited_bare", "server_error", "bad_gateway", "gateway_timeout", "cloudflare_403", "html_200"),
        *("empty_499", "broken_json", "nan_json", "infinite_json", "big_number_json", "deep_json", "odd_shape"),
        *("reset", "truncated_json", "cut_json"),
    ],
)
def test_a_passing_fault_is_not_noticed(asking: Asking, fault: str) -> None:
    asking.sandbox.faults.add(fault)
    assert asking.ask(lambda client: client.model(Known.PLAIN_LORA)).id == Known.PLAIN_LORA
    assert len(asking.sandbox.requests) == 2


LASTING: list[tuple[str, type[CivitaiKitError], str, int]] = [
    ("rate_limited_bare", RateLimited, "rate_limited", 4),
    ("server_error", Unavailable, "unavailable", 4),
    ("bad_gateway", Unavailable, "unavailable", 4),
    ("cloudflare_403", UnexpectedReply, "unexpected_reply", 3),
    ("html_200", UnexpectedReply, "unexpected_reply", 4),
    ("login_page", Unauthorized, "login_required", 1),
    ("empty_499", Unavailable, "unavailable", 4),
    ("region_blocked", RegionBlocked, "region_blocked", 1),
    ("unauthorized", Unauthorized, "login_required", 1),
    ("broken_json", UnexpectedReply, "unexpected_reply", 4),
    ("nan_json", UnexpectedReply, "unexpected_reply", 4),
    ("infinite_json", UnexpectedReply, "unexpected_reply", 4),
    ("big_number_json", UnexpectedReply, "unexpected_reply", 4),
    ("deep_json", UnexpectedReply, "unexpected_reply", 4),
    ("odd_shape", UnexpectedReply, "unexpected_reply", 4),
    ("foreign_redirect", UnexpectedReply, "unexpected_reply", 1),
    ("reset", Unavailable, "network", 4),
    ("cut_json", Unavailable, "network", 4),
]


@pytest.mark.parametrize(("fault", "kind", "code", "requests"), LASTING, ids=[row[0] for row in LASTING])
def test_a_lasting_fault_is_one_clear_error(
    asking: Asking, fault: str, kind: type[Exception], code: str, requests: int
) -> None:
    asking.sandbox.faults.add(fault, times=None)
    with pytest.raises(kind) as caught:
        asking.ask(lambda client: client.model(Known.PLAIN_LORA))
    error: Any = caught.value
    assert (error.code, error.endpoint, error.model_id) == (code, f"/api/v1/models/{Known.PLAIN_LORA}", 1001)
    assert error.message and error.hint and "<" not in error.message + error.hint
    assert len(asking.sandbox.requests) == requests


def test_a_body_without_end_is_given_up(asking: Asking) -> None:
    asking.sandbox.faults.add("huge_body", times=None)
    with pytest.raises(UnexpectedReply, match="bigger than 64 MiB"):
        asking.ask(lambda client: client.model(Known.PLAIN_LORA))
    assert len(asking.sandbox.requests) == 1


def test_silence_ends_a_request(asking: Asking) -> None:
    asking.sandbox.faults.add("slow", times=None, delay=5.0)
    with pytest.raises(Unavailable, match=r"silent for 0\.1 seconds") as caught:
        asking.ask(lambda client: client.model(Known.PLAIN_LORA), timeout=0.1, retry=RetryRules(max_retries=0))
    assert caught.value.code == "network"


def test_a_site_out_of_reach_is_a_network_error(asking: Asking) -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        asking.ask(lambda client: client.model(1), base_url="http://127.0.0.1:1", retry=RetryRules(max_retries=0))
    assert caught.value.code == "network" and caught.value.hint


def test_an_error_says_what_the_site_said(asking: Asking) -> None:
    with pytest.raises(NotFound, match="No model with id 987654") as caught:
        asking.ask(lambda client: client.model(987654))
    error = caught.value
    assert (error.status, error.endpoint, error.model_id) == (404, "/api/v1/models/987654", 987654)


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.models(sort="Newst"),
        lambda client: client.models_page(period="Decade"),
        lambda client: client.models(limit=101),
        lambda client: client.models(page=2),
        lambda client: client.models(typs="LORA"),
        lambda client: client.models(tag=" "),
        lambda client: client.images(username="a/b"),
        lambda client: client.images(nsfw="very"),
        lambda client: client.images(limit=201),
        lambda client: client.images(tags=["a name"]),
        lambda client: client.images(model_id=1, model_version_id=2),
        lambda client: client.model(0),
        lambda client: client.model("one"),
        lambda client: client.version(-4),
        lambda client: client.post(0),
        lambda client: client.images(ids=range(1, 102)),
        lambda client: client.images_by_id("first"),
        lambda client: client.models_by_id([2**31]),
        lambda client: client.version_by_hash("../me"),
        lambda client: client.versions_by_hash(["abc"]),
        lambda client: client.users(),
        lambda client: client.creators(limit=0),
        lambda client: client.tags_page(cursor="next"),
        lambda client: client.models_page(cursor=5.5),
        lambda client: client.articles_page(cursor=True),
        lambda client: client.images(cursor=object()),
        lambda client: client.models(cursor="\ud800"),
        lambda client: client.models(query="half a letter: \ud800"),
        lambda client: client.models(ids=[]),
        lambda client: client.images_page(ids=()),
    ],
)
def test_a_senseless_option_is_refused_before_anything_is_sent(asking: Asking, use: Any) -> None:
    with pytest.raises(BadQuery) as caught:
        asking.ask(use)
    assert isinstance(caught.value, UsageError) and caught.value.exit_code == 2
    assert len(asking.sandbox.requests) == 0


@pytest.mark.parametrize(
    "given",
    [
        *[
            {"base_url": address}
            for address in ("civitai.com", "ftp://civitai.com", "http://", "http://a b", "http://[x")
        ],
        *[{"base_url": address} for address in ("https://me:secret@civitai.com", "https://civitai.com?token=1", "")],
        *[{"api_key": key} for key in ("a\nb", "ключ", "a b", 5)],
        *[{"timeout": seconds} for seconds in (0, -1, "60", True, float("inf"), float("nan"))],
        *[{"base_url": 5}, {"retry": 5}, {"retry": RetryRules}, {"pace": RetryRules()}],
        *[{"http": httpx2.Client}, {"log": 5}, {"on_wait": anyio.sleep}],
    ],
    ids=lambda given: str(given).split(" at 0x")[0],
)
def test_a_client_that_could_ask_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Client(**given)
    assert str(given.get("api_key", "nothing of it")) not in str(caught.value)


# -- whose connections, whose key -----------------------------------------------------------------------------


def test_the_key_goes_to_the_site_as_a_header_and_nowhere_else(asking: Asking) -> None:
    key = asking.sandbox.api_key
    said: list[Any] = []
    asking.sandbox.faults.add("foreign_redirect")
    with pytest.raises(UnexpectedReply) as caught:
        asking.ask(lambda client: client.model(Known.PLAIN_LORA), key, log=said.append)
    (request,) = asking.sandbox.requests
    assert request.headers["authorization"] == f"Bearer {key}" and key not in request.query
    assert request.host == "site"
    assert key not in str(said) + str(caught.value) + repr(caught.value.__dict__)


def test_the_log_holds_what_happened_and_no_secret(asking: Asking) -> None:
    said: list[Any] = []
    asking.ask(lambda client: client.models_page(tag="style"), asking.sandbox.api_key, log=said.append)
    who, exchange = said
    assert (who.url, who.status) == (
        f"{asking.sandbox.url}/healthz",
        404,
    ) and "authorization" not in who.request_headers
    assert (exchange.method, exchange.status) == ("GET", 200) and exchange.size > 100 and exchange.seconds > 0
    assert exchange.url == f"{asking.sandbox.url}/api/v1/models?limit=100&tag=style"
    assert exchange.request_headers["authorization"] == "…"


def test_the_name_we_give_is_ours_and_no_browsers(asking: Asking) -> None:
    asking.ask(lambda client: client.model(Known.PLAIN_LORA))
    asking.ask(lambda client: client.model(Known.PLAIN_LORA), http=http_of(asking.way))
    agent, other = (request.headers["user-agent"].lower() for request in asking.sandbox.requests)
    assert agent == other and agent.startswith(f"civitai-kit/{civitai_kit.__version__} ")
    assert not any(word in agent for word in ("mozilla", "chrome", "safari", "firefox", "opera", "edge"))


def http_of(way: str, **options: Any) -> Any:
    """A user's own HTTP client of the kind that fits."""
    return httpx2.Client(**options) if way == "sync" else httpx2.AsyncClient(**options)


def test_a_users_client_is_used_for_everything_and_stays_open(asking: Asking) -> None:
    http = http_of(asking.way, headers={"User-Agent": "mine/1", "Authorization": "Bearer of-mine"})
    asking.ask(lambda client: client.model(Known.PLAIN_LORA), http=http)
    request = asking.sandbox.requests[0]
    assert (request.headers["user-agent"], request.headers["authorization"]) == ("mine/1", "Bearer of-mine")
    assert not http.is_closed


def test_our_key_wins_over_the_users_client_where_it_is_given(asking: Asking) -> None:
    http = http_of(asking.way, headers={"Authorization": "Bearer of-mine"}, auth=("basic", "password"))
    asking.ask(lambda client: client.model(Known.PLAIN_LORA), "given", http=http)
    assert asking.sandbox.requests[0].headers["authorization"] == "Bearer given"


def test_a_users_client_that_follows_redirects_does_not_take_the_key_along(asking: Asking) -> None:
    http = http_of(asking.way, headers={"Authorization": "Bearer of-mine"}, follow_redirects=True)
    asking.sandbox.faults.add("foreign_redirect")
    with pytest.raises(UnexpectedReply, match="another address"):
        asking.ask(lambda client: client.model(Known.PLAIN_LORA), http=http)
    assert [request.host for request in asking.sandbox.requests] == ["site"]


def test_a_hook_that_raises_for_a_status_leaves_the_errors_ours(civitai_sandbox: Sandbox) -> None:
    def strict(answer: Any) -> None:
        answer.read()
        answer.raise_for_status()

    for library in (httpx2, import_module("httpx")):
        with library.Client(event_hooks={"response": [strict]}) as http:
            client = Client(civitai_sandbox.api_key, base_url=civitai_sandbox.url, http=http, retry=SWIFT)
            with pytest.raises(NotFound, match="No model with id 987654"):
                client.model(987654)
            assert client.model(Known.FLUX).id == Known.FLUX


@pytest.mark.anyio
async def test_an_asynchronous_hook_that_raises_before_the_body_is_read_too() -> None:
    async def strict(answer: httpx2.Response) -> None:
        answer.raise_for_status()

    busy = httpx2.MockTransport(lambda request: httpx2.Response(429, headers={"Retry-After": "700"}))
    async with httpx2.AsyncClient(transport=busy, event_hooks={"response": [strict]}) as http:
        with pytest.raises(RateLimited) as caught:
            await AsyncClient(http=http).model(1)
    assert caught.value.retry_after == 700


def test_a_client_that_is_closed_says_so_whoever_has_closed_it(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    http = httpx2.Client()
    ours, theirs = Client(base_url=civitai_sandbox.url), Client(base_url=civitai_sandbox.url, http=http)
    version = ours.version(Known.FLUX * 100 + 1)
    ours.close()
    http.close()
    with pytest.raises(UsageError, match="This client is closed"):
        ours.download(version, tmp_path)
    with pytest.raises(UsageError, match="handed in is closed"):
        theirs.model(1)


@pytest.mark.parametrize("carried", [True, False])
def test_a_key_that_the_site_says_back_to_us_is_told_to_nobody(carried: bool) -> None:
    def parrot(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(503, json={"error": f"I do not know {request.headers['authorization']}"})

    said: list[Any] = []
    headers = {"Authorization": "bearer very-secret"} if carried else {}
    http = httpx2.Client(transport=httpx2.MockTransport(parrot), headers=headers)
    options: dict[str, Any] = {"http": http, "retry": SWIFT, "log": said.append, "on_wait": lambda *w: said.append(w)}
    with Client(None if carried else "very-secret", **options) as client, pytest.raises(Unavailable) as caught:
        client.model(1)
    assert "I do not know bearer …" in str(caught.value).replace("Bearer", "bearer")
    trace = "".join(traceback.format_exception(caught.value))
    assert "know bearer very-secret" not in trace.replace("Bearer", "bearer") and "very-secret" not in str(said)


def test_a_key_in_an_odd_place_is_not_told_to_a_log_either() -> None:
    def parrot(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"items": []}, headers={"Server": "very-secret"})

    said: list[Any] = []
    http = httpx2.Client(transport=httpx2.MockTransport(parrot), headers={"User-Agent": "mine very-secret"})
    with Client("very-secret", http=http, log=said.append) as client:
        client.models_page(query="very-secret")
    assert said[0].response_headers["server"] == "…" and "very-secret" not in str(said)


def test_a_key_that_the_site_puts_into_an_answer_is_not_kept_with_it() -> None:
    def parrot(request: httpx2.Request) -> httpx2.Response:
        key = request.headers["authorization"].removeprefix("Bearer ")
        return httpx2.Response(
            200, json={"id": 1, "name": "a", "description": f"<a href='/x?token={key}'>", "key": key}
        )

    with Client("very-secret", http=httpx2.Client(transport=httpx2.MockTransport(parrot))) as client:
        model = client.model(1)
    assert "very-secret" not in str(model.raw) and model.raw["key"] == "…"


def test_a_header_that_cannot_be_sent_is_not_quoted(asking: Asking) -> None:
    http = http_of(asking.way, headers={"Authorization": "Bearer of-mine\nX: y"})
    with pytest.raises(Unavailable, match="headers") as caught:
        asking.ask(lambda client: client.model(Known.PLAIN_LORA), http=http)
    assert "of-mine" not in str(caught.value) + str(caught.value.hint)


def test_the_repr_of_a_client_does_not_show_the_key() -> None:
    with Client("very-secret") as client:
        assert "very-secret" not in repr(client)


# -- paging ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", [None, *ModelSort])
def test_a_listing_in_any_order_gives_every_model_once(asking: Asking, sort: ModelSort | None) -> None:
    asking.sandbox.world = World.large(models=43, bytes_each=100)
    found = asking.ask(lambda client: client.models(sort=sort, limit=5))
    assert sorted(model.id for model in found) == sorted(asking.sandbox.world.models)
    assert len(asking.sandbox.requests) <= 10


def test_a_relevance_search_gives_every_hit_once(asking: Asking) -> None:
    asking.sandbox.world = World.large(models=43, bytes_each=100)
    found = asking.ask(lambda client: client.models(query="crowd", sort="Newest", limit=5))
    assert sorted(model.id for model in found) == sorted(asking.sandbox.world.models)


def test_paging_by_hand_loses_nothing_either(asking: Asking) -> None:
    asking.sandbox.world = World.large(models=23, bytes_each=100)
    cursor, found = None, []
    while True:
        page = asking.ask(methodcaller("models_page", sort="Newest", limit=5, cursor=cursor))
        found += [model.id for model in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert sorted(found) == sorted(asking.sandbox.world.models)


@pytest.mark.parametrize("sort", [None, "Newest", "Oldest", "Most Reactions"])
def test_images_of_a_model_come_once_each(asking: Asking, sort: str | None) -> None:
    options = {"model_id": Known.MANY_VERSIONS, "browsing_level": 31, "sort": sort}
    whole = asking.ask(lambda client: client.images(limit=200, **options))
    small = asking.ask(lambda client: client.images(limit=5, **options))
    assert sorted(image.id for image in small) == sorted(image.id for image in whole)
    assert len(whole) == 24


def test_empty_pages_are_walked_through(asking: Asking) -> None:
    asking.sandbox.world = World.large(models=20, bytes_each=100)
    asking.sandbox.faults.add("empty_page", times=1, match="cursor=")
    found = asking.ask(lambda client: client.models(limit=5))
    assert len(found) == 15  # the sandbox kept one page's items to itself, and the listing went on


def test_a_passing_circle_heals(asking: Asking) -> None:
    asking.sandbox.world = World.large(models=20, bytes_each=100)
    asking.sandbox.faults.add("cursor_cycle", times=1, match="cursor=")
    assert len(asking.ask(lambda client: client.models(limit=5))) == 20


def test_a_page_that_fails_for_good_says_how_far_it_came(asking: Asking) -> None:
    asking.sandbox.world = World.large(models=20, bytes_each=100)
    asking.sandbox.faults.add("server_error", times=None, match="cursor=")
    with pytest.raises(Unavailable, match="after 1 page with 5 rows"):
        asking.ask(lambda client: client.models(limit=5), retry=SWIFT)
