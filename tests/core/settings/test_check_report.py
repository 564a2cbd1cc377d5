"""How far a clock is off, by what an answer says of its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.settings.check_report import clock_offset

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@given(st.integers(-(10**8), 10**8), st.integers(0, 10**6))
def test_the_offset_is_the_difference_to_the_date_of_the_answer_and_its_age(ahead: int, age: int) -> None:
    date = format_datetime(NOON, usegmt=True)
    now = NOON + timedelta(seconds=ahead + age)
    assert clock_offset({"date": date, "age": str(age)}, now) == ahead


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "noon"},
        {"date": "Fri, 99 Nov 2026 12:00:00 GMT"},
        {"date": "Fri, 27 Nov 2026 12:00:00 GMT", "age": "old"},
    ],
)
def test_an_answer_that_says_no_time_gives_no_offset(headers: dict[str, str]) -> None:
    assert clock_offset(headers, NOON) is None


@given(st.text(), st.text())
def test_whatever_a_header_holds_is_no_crash(date: str, age: str) -> None:
    found = clock_offset({"date": date, "age": age}, NOON)
    assert found is None or isinstance(found, int)


def test_a_date_without_zone_is_in_utc() -> None:
    assert clock_offset({"date": "Fri, 27 Nov 2026 11:59:00 -0000"}, NOON) == 60
