"""A call's patience, counted on the generator without waiting, and its way through redirects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from civitai_kit.client import calls, look_ups
from civitai_kit.client.conversation import SLEPT, Asker, Call, NoAnswer, Request, Response, Sleep
from civitai_kit.core.errors import (
    BadQuery,
    Code,
    NotFound,
    RateLimited,
    SiteError,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)
from civitai_kit.core.retry import RetryRules

SITE = "https://civitai.test"
GOOD = Response(200, {}, b'{"id": 5, "name": "five"}')
BUSY = Response(503, {"retry-after": "2"}, b'{"error": "Server busy, please retry shortly."}')
CRASHED = Response(500, {}, b'{"error": "boom"}')
PAGE = b"<!doctype html><html><body>Bad gateway</body></html>"
CHALLENGE = b"<!doctype html><html><script src='/cdn-cgi/challenge-platform/x'></script></html>"
GONE = NoAnswer(Unavailable("The connection broke.", code=Code.NETWORK))


def asker(**rules: Any) -> Asker:
    """One that asks the same way every time."""
    return Asker(SITE, RetryRules(**rules), chance=lambda: 0.0)


class Talk:
    """A conversation held with scripted answers; the last one is given again and again."""

    def __init__(self, *answers: Response | NoAnswer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.sleeps: list[Sleep] = []

    def hold(self, call: Call[Any]) -> Any:
        """The result of the call; raises what it raises."""
        try:
            step = next(call)
            while True:
                if isinstance(step, Sleep):
                    self.sleeps.append(step)
                    step = call.send(SLEPT)
                    continue
                self.requests.append(step)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                step = call.throw(answer) if isinstance(answer, NoAnswer) else call.send(answer)
        except StopIteration as done:
            return done.value

    @property
    def seconds(self) -> list[float]:
        """How long it wanted to wait, each time."""
        return [sleep.seconds for sleep in self.sleeps]


def test_a_good_answer_is_asked_for_once() -> None:
    talk = Talk(GOOD)
    assert talk.hold(look_ups.model(asker(), 5)).name == "five"
    assert talk.requests == [Request("GET", f"{SITE}/api/v1/models/5")]
    assert talk.sleeps == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CRASHED, [1, 2, 4]),
        (BUSY, [2, 2, 2]),
        (Response(499, {}, b""), [1, 2, 4]),
        (Response(524, {}, PAGE), [1, 2, 4]),
        (Response(200, {}, PAGE), [1, 2, 4]),
        (Response(200, {}, b'{"id": 5,'), [1, 2, 4]),
        (Response(200, {}, b"[]"), [1, 2, 4]),
        (Response(200, {}, b'{"name": "no id"}'), [1, 2, 4]),
        (Response(200, {}, b""), [1, 2, 4]),
        (Response(403, {}, CHALLENGE), [30, 60]),
        (Response(429, {}, PAGE), [30, 60, 60]),
        (Response(429, {"retry-after": "7"}, b'{"error": "slow"}'), [7, 7, 7]),
        (Response(429, {"retry-after": "301"}, b'{"error": "slow"}'), []),
        (Response(429, {}, b'{"error": "You have requested too many pages, use cursors"}'), []),
        (Response(429, {}, b'{"error": "an unusual amount of downloading"}'), []),
        (Response(400, {}, b'{"error": "bad"}'), []),
        (Response(401, {}, b'{"error": "Unauthorized"}'), []),
        (Response(403, {}, b'{"error": "Forbidden"}'), []),
        (Response(404, {}, b'{"error": "none"}'), []),
        (Response(410, {}, b'{"error": "archived"}'), []),
        (Response(451, {}, b'{"error": "region"}'), []),
        (GONE, [1, 2, 4]),
    ],
)
def test_a_lasting_trouble_is_waited_out_as_the_table_says_and_then_told(
    answer: Response | NoAnswer, expected: list[float]
) -> None:
    talk = Talk(answer)
    with pytest.raises(SiteError) as caught:
        talk.hold(look_ups.model(asker(), 5))
    assert talk.seconds == expected
    assert len(talk.requests) == len(expected) + 1
    assert caught.value.model_id == 5
    assert (f"Asked {len(talk.requests)} times." in (caught.value.hint or "")) == bool(expected)


def test_a_passing_trouble_is_waited_out_and_forgotten() -> None:
    talk = Talk(CRASHED, GONE, GOOD)
    assert talk.hold(look_ups.model(asker(), 5)).id == 5
    assert talk.seconds == [1, 2]


def test_waits_follow_the_rules_that_the_user_gave() -> None:
    talk = Talk(CRASHED)
    with pytest.raises(Unavailable):
        talk.hold(look_ups.model(asker(max_retries=5, first_wait=10.0, longest_wait=50.0), 5))
    assert talk.seconds == [10, 20, 40, 50, 50]


def test_only_being_too_fast_holds_everybody_up() -> None:
    talk = Talk(Response(429, {"retry-after": "1"}, b"{}"), CRASHED, GOOD)
    talk.hold(look_ups.model(asker(), 5))
    assert [sleep.everybody for sleep in talk.sleeps] == [True, False]
    assert talk.sleeps[1].why == "boom"


def test_a_rate_limit_that_is_too_long_says_how_long() -> None:
    with pytest.raises(RateLimited, match="slow") as caught:
        Talk(Response(429, {"retry-after": "3600"}, b'{"error": "slow"}')).hold(look_ups.model(asker(), 5))
    assert caught.value.retry_after == 3600 and "3600 s" in (caught.value.hint or "")


# -- redirects ------------------------------------------------------------------------------------------------


def moved(where: str, status: int = 307) -> Response:
    """A redirect."""
    return Response(status, {"location": where}, b"")


@pytest.mark.parametrize("where", ["/api/v1/models/6", f"{SITE}/api/v1/models/6", f"{SITE}:443/api/v1/models/6"])
def test_a_redirect_within_the_site_is_followed(where: str) -> None:
    talk = Talk(moved(where), GOOD)
    assert talk.hold(look_ups.model(asker(), 5)).id == 5
    assert talk.requests[1].url.endswith("/api/v1/models/6")


@pytest.mark.parametrize(
    "where",
    [
        "https://elsewhere.test/api/v1/models/5",
        "//elsewhere.test/",
        "http://civitai.test/api/v1/models/5",
        f"{SITE}:8443/",
        f"{SITE}.elsewhere.test/",
        "https://civitai.test@elsewhere.test/",
        "file:///etc/passwd",
        "http://[broken",
        "https://civitai.test:port/",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(where: str) -> None:
    talk = Talk(moved(where))
    with pytest.raises(UnexpectedReply, match="another address"):
        talk.hold(look_ups.model(asker(), 5))
    assert len(talk.requests) == 1


def test_a_redirect_to_the_login_page_means_a_login_is_wanted() -> None:
    with pytest.raises(Unauthorized):
        Talk(moved("/login?returnUrl=%2F&reason=download-auth")).hold(look_ups.model(asker(), 5))


def test_a_redirect_without_end_is_given_up() -> None:
    talk = Talk(moved("/api/v1/models/5"))
    with pytest.raises(UnexpectedReply, match="circles"):
        talk.hold(look_ups.model(asker(), 5))
    assert len(talk.requests) == 5


def test_a_redirect_keeps_a_posted_body_only_where_it_says_so() -> None:
    digest = "a" * 64
    for status, method in ((307, "POST"), (302, "GET")):
        talk = Talk(moved("/api/v1/other", status), Response(200, {}, b"[]"))
        talk.hold(look_ups.versions_by_hash(asker(), [digest]))
        assert talk.requests[1].method == method
        assert (talk.requests[1].body is not None) is (method == "POST")


# -- what is asked --------------------------------------------------------------------------------------------


def test_digests_are_posted_in_parts_that_the_site_takes() -> None:
    talk = Talk(Response(200, {}, b"[]"))
    talk.hold(look_ups.version_ids_by_hash(asker(), [f"{number:064x}" for number in range(20_001)]))
    assert [len(json.loads(request.body or b"")) for request in talk.requests] == [10_000, 10_000, 1]


def test_a_batch_answer_with_nulls_and_doubles_gives_each_version_once() -> None:
    rows = [None, {"id": 1}, {"id": 1}, {"id": 2, "downloadUrl": "https://undefined/api/download/models/2?type=VAE"}, 3]
    talk = Talk(Response(200, {}, json.dumps(rows).encode()))
    found = talk.hold(look_ups.versions_by_hash(asker(), ["B" * 64]))
    assert [version.id for version in found] == [1, 2]
    assert found[1].download_url == f"{SITE}/api/download/models/2?type=VAE"
    assert found[1].raw["downloadUrl"] == "https://undefined/api/download/models/2?type=VAE"


def test_an_address_that_is_none_is_left_as_it_is() -> None:
    body = json.dumps([{"id": 1, "downloadUrl": "http://[x", "files": [{"downloadUrl": None}]}]).encode()
    (found,) = Talk(Response(200, {}, body)).hold(look_ups.versions_by_hash(asker(), ["b" * 64]))
    assert (found.download_url, found.files[0].download_url) == ("http://[x", None)


def test_no_digests_ask_nothing() -> None:
    talk = Talk(GOOD)
    assert talk.hold(look_ups.versions_by_hash(asker(), [])) == ()
    assert talk.requests == []


@pytest.mark.parametrize(
    ("cursor", "sent"),
    [
        ("2026-01-01 00:00:00.000|41", "2026-01-01 00:00:00.000|42"),
        ("41", "41"),
        ("a|b", "a|b"),
        ("|", "|"),
    ],
)
def test_the_newest_order_asks_for_the_row_that_the_site_would_leave_out(cursor: str, sent: str) -> None:
    talk = Talk(Response(200, {}, b'{"items": []}'))
    talk.hold(calls.models_page(asker(), sort="Newest", cursor=cursor))
    assert dict(talk.requests[0].params)["cursor"] == sent


@pytest.mark.parametrize("options", [{"sort": "Oldest"}, {"sort": "Newest", "query": "cat"}, {}])
def test_other_orders_take_the_cursor_as_it_is(options: Any) -> None:
    talk = Talk(Response(200, {}, b'{"items": []}'))
    talk.hold(calls.models_page(asker(), cursor="1|41", **options))
    assert dict(talk.requests[0].params)["cursor"] == "1|41"


@pytest.mark.parametrize(
    ("options", "cursor", "sent"),
    [
        ({"model_id": 1}, 41, "42"),
        ({"model_id": 1, "sort": "Most Reactions"}, 41, "42"),
        ({"image_id": 1}, 41, "42"),
        ({"model_id": 1, "sort": "Oldest"}, 41, "41"),
        ({"model_id": 1}, "41", "42"),
        ({"model_version_id": 1}, 41, "41"),
        ({}, "12|1712265847499", "12|1712265847499"),
    ],
)
def test_a_numeric_cursor_of_images_asks_for_the_row_that_the_site_would_leave_out(
    options: Any, cursor: Any, sent: str
) -> None:
    talk = Talk(Response(200, {}, b'{"items": []}'))
    talk.hold(calls.images_page(asker(), cursor=cursor, **options))
    assert dict(talk.requests[0].params)["cursor"] == sent


def test_page_numbers_are_never_sent_where_the_site_ignores_them() -> None:
    talk = Talk(Response(200, {}, b'{"items": [], "metadata": {"nextCursor": "2"}}'))
    talk.hold(calls.models_page(asker(), query="cat"))
    talk.hold(calls.images_page(asker()))
    assert not [name for request in talk.requests for name, _ in request.params if name == "page"]


@pytest.mark.parametrize(
    ("rows", "metadata", "following"),
    [
        (2, {"totalPages": 1}, 4),
        (1, {"totalPages": 1}, None),
        (1, {"totalPages": 9}, 4),
        (1, {"hasMore": True}, 4),
        (0, {"totalPages": 9, "hasMore": True}, None),
        (1, {"hasMore": False, "totalPages": "x"}, None),
    ],
)
def test_pages_by_number_go_on_while_anything_says_so(rows: int, metadata: Any, following: int | None) -> None:
    body = json.dumps({"items": [{"name": str(row)} for row in range(rows)], "metadata": metadata}).encode()
    assert Talk(Response(200, {}, body)).hold(calls.tags_page(asker(), limit=2, cursor=3)).next_cursor == following


def test_an_unknown_name_is_told_as_the_site_tells_it() -> None:
    with pytest.raises(NotFound, match="User not found"):
        Talk(Response(404, {}, b'{"message": "User not found"}')).hold(calls.models_page(asker(), username="x"))


def test_a_refused_question_is_told_readably() -> None:
    issues = json.dumps([{"path": ["limit"], "message": "Too big: expected number to be <=100"}])
    body = json.dumps({"error": {"name": "ZodError", "message": issues}}).encode()
    with pytest.raises(BadQuery, match=r"^limit: Too big: expected number to be <=100$"):
        Talk(Response(400, {}, body)).hold(calls.models_page(asker()))
