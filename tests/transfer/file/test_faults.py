"""Every fault of the download endpoint and the storage: it ends with the right file, or with nothing under its name."""

from __future__ import annotations

from typing import Any

import pytest

from civitai_kit.core.errors import CivitaiKitError, Code
from civitai_kit.core.plans.order import Proof
from civitai_kit.sandbox.faults import FAULTS
from tests.transfer.conftest import Desk

AT = 2_000_000

# Parameters that make a fault strike in the middle and pass quickly.
PARAMS: dict[str, dict[str, Any]] = {
    "cut": {"at": AT},
    "stall": {"at": AT, "seconds": 30},
    "throttle": {"rate": 20_000_000},
    "slow": {"delay": 0.2},
    "slow_body": {"delay": 0.2},
    "slow_start": {"delay": 0.2},
    "rate_limited": {"retry_after": 0.1},
    "overloaded": {"retry_after": 0.1},
    "download_429": {"retry_after": 0.1},
    "storage_429": {"retry_after": 0.1},
}

# Those that only bend a listing's JSON say nothing about a download.
FOR_LISTINGS = {"cursor_cycle", "empty_page", "blank_page"}

# Met once, these are final by the site's own word.
FINAL = {
    "unauthorized": Code.LOGIN_REQUIRED,
    "region_blocked": Code.REGION_BLOCKED,
    "login_page": Code.LOGIN_REQUIRED,
    "quota": Code.QUOTA_EXCEEDED,
}

# Met for ever, these still end with the right file.
HARMLESS = {
    "throttle",
    "slow",
    "slow_start",
    "ignore_range",
    "no_content_length",
    "no_etag",
    "weak_etag",
    "odd_etag",
    "ignore_conditions",
    "node_etags",
    "wrong_range",
    "cut",
}

NAMES = sorted(name for name in FAULTS if name not in FOR_LISTINGS)


def meet(desk: Desk, name: str, times: int | None) -> CivitaiKitError | None:
    """Fetch while the fault strikes; gives the error, None for success."""
    desk.sandbox.faults.add(name, times=times, **PARAMS.get(name, {}))
    try:
        desk.fetch(timeout=0.7)
    except CivitaiKitError as error:
        return error
    return None


def check_sound(desk: Desk, error: CivitaiKitError | None) -> None:
    """The right file alone, or nothing under the final name."""
    if error is None:
        assert desk.target.read_bytes() == desk.content
        assert desk.names() == [desk.target.name]
    else:
        assert not desk.target.exists()
        assert error.message


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_met_once_is_got_over_or_final_by_the_sites_word(desk: Desk, name: str) -> None:
    error = meet(desk, name, 1)
    check_sound(desk, error)
    if name not in FINAL:
        assert error is None
    else:
        assert error is not None
        assert error.code == FINAL[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_stays_ends_sound(desk: Desk, name: str) -> None:
    error = meet(desk, name, None)
    check_sound(desk, error)
    if name in HARMLESS:
        assert error is None


@pytest.mark.parametrize("name", sorted(name for name in NAMES if FAULTS[name].where == "storage"))
def test_a_fault_met_while_going_on_keeps_or_replaces_the_bytes_that_are_there(desk: Desk, name: str) -> None:
    desk.sandbox.faults.add("cut", at=AT)
    error = meet(desk, name, 1)
    check_sound(desk, error)
    assert (error is None) == (name not in FINAL)


@pytest.mark.parametrize("name", ["wrong_bytes", "changed"])
def test_a_file_without_a_promise_is_taken_as_it_comes(desk: Desk, name: str) -> None:
    desk.sandbox.faults.add(name, times=None)
    fetched = desk.fetch(desk.order(proof=Proof()))
    assert fetched.size == desk.file.body.size
    assert desk.names() == [desk.target.name]
