"""When we ask again and how long we wait (site.md 13)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.retry import (
    LONGEST_RETRY_AFTER,
    RetryRules,
    Trouble,
    retry_after_of,
    trouble_of,
    wait_before_retry,
)

TRIED_AGAIN = [trouble for trouble in Trouble if wait_before_retry(RetryRules(), trouble, 1) is not None]


def waits(trouble: Trouble, rules: RetryRules, **more: float) -> list[float]:
    """All waits until giving up."""
    found: list[float] = []
    while (wait := wait_before_retry(rules, trouble, len(found) + 1, **more)) is not None:
        found.append(wait)
    return found


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble.REFUSED, []),
        (Trouble.TOO_DEEP, []),
        (Trouble.QUOTA, []),
        (Trouble.NO_SUCH_FILE, [1, 2]),
        (Trouble.WALLED, [30, 60]),
        (Trouble.BUSY, [1, 2, 4, 8, 16, 30, 30]),
        (Trouble.NETWORK, [1, 2, 4, 8, 16, 30, 30]),
        (Trouble.GARBLED, [1, 2, 4, 8, 16, 30, 30]),
        (Trouble.TOO_FAST, [30, 60, 60, 60, 60, 60, 60]),
    ],
)
def test_the_waits_are_those_of_the_table(trouble: Trouble, expected: list[float]) -> None:
    assert waits(trouble, RetryRules(max_retries=7)) == expected


def test_the_default_is_three_tries_again() -> None:
    assert waits(Trouble.BUSY, RetryRules()) == [1, 2, 4]


@pytest.mark.parametrize("trouble", TRIED_AGAIN)
def test_no_tries_again_means_none_in_any_case(trouble: Trouble) -> None:
    assert waits(trouble, RetryRules(max_retries=0)) == []


def test_waits_are_multiples_of_the_first() -> None:
    assert waits(Trouble.BUSY, RetryRules(first_wait=0.01)) == pytest.approx([0.01, 0.02, 0.04])
    assert waits(Trouble.TOO_FAST, RetryRules(first_wait=0.01)) == pytest.approx([0.3, 0.6, 1.2])


def test_a_retry_after_is_kept_to_the_letter_even_beyond_our_longest_wait() -> None:
    assert waits(Trouble.BUSY, RetryRules(), retry_after=2.0, chance=1.0) == [2, 2, 2]
    assert wait_before_retry(RetryRules(), Trouble.TOO_FAST, 1, retry_after=200.0) == 200


def test_a_retry_after_of_more_than_five_minutes_is_not_waited_for() -> None:
    assert wait_before_retry(RetryRules(), Trouble.TOO_FAST, 1, retry_after=LONGEST_RETRY_AFTER + 1) is None


def test_a_retry_after_makes_nothing_worth_trying_that_is_not() -> None:
    assert wait_before_retry(RetryRules(), Trouble.QUOTA, 1, retry_after=1.0) is None


@given(
    st.sampled_from(Trouble),
    st.integers(1, 10_000),
    st.integers(0, 10_000),
    st.floats(0.001, 10),
    st.floats(0, 1),
)
def test_a_wait_is_bounded_whatever_the_numbers(
    trouble: Trouble, tried: int, retries: int, first: float, chance: float
) -> None:
    rules = RetryRules(max_retries=retries, first_wait=first)
    wait = wait_before_retry(rules, trouble, tried, chance=chance)
    assert wait is None or (tried <= retries and 0 < wait <= rules.longest_wait * 1.25)


@pytest.mark.parametrize(
    ("status", "options", "expected"),
    [
        (200, {}, Trouble.GARBLED),
        (200, {"page": True}, Trouble.GARBLED),
        (400, {}, Trouble.REFUSED),
        (401, {}, Trouble.REFUSED),
        (403, {}, Trouble.REFUSED),
        (403, {"page": True}, Trouble.WALLED),
        (404, {}, Trouble.REFUSED),
        (404, {"page": True}, Trouble.REFUSED),
        (404, {"download": True}, Trouble.NO_SUCH_FILE),
        (405, {}, Trouble.REFUSED),
        (408, {}, Trouble.BUSY),
        (410, {"download": True}, Trouble.REFUSED),
        (425, {}, Trouble.BUSY),
        (429, {}, Trouble.TOO_FAST),
        (429, {"page": True}, Trouble.TOO_FAST),
        (429, {"text": "You've requested too many pages, please use cursors instead"}, Trouble.TOO_DEEP),
        (429, {"text": "We've noticed an unusual amount of downloading from your account."}, Trouble.QUOTA),
        (451, {}, Trouble.REFUSED),
        *[(status, {}, Trouble.BUSY) for status in (499, 500, 502, 503, 504, 520, 522, 524, 530)],
    ],
)
def test_every_answer_has_its_case(status: int, options: dict[str, bool], expected: Trouble) -> None:
    assert trouble_of(status, **options) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, None),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_of(headers) == expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_retry_after_is_a_sound_number_or_none(said: str, date: str) -> None:
    found = retry_after_of({"retry-after": said, "date": date})
    assert found is None or 0 <= found < float("inf")
