"""What several failures add up to."""

from __future__ import annotations

import pytest

from civitai_kit.core.codes import EXIT_OF, Code, exit_code_of


def test_every_code_has_an_exit_code() -> None:
    assert set(EXIT_OF) == set(Code)


@pytest.mark.parametrize(
    ("codes", "succeeded", "exit_code"),
    [
        ([], True, 0),
        ([], False, 0),
        ([Code.HASH_MISMATCH], False, 8),
        ([Code.HASH_MISMATCH], True, 7),
        ([Code.LOGIN_REQUIRED, Code.EARLY_ACCESS], False, 3),
        ([Code.LOGIN_REQUIRED, Code.NOT_FOUND], False, 7),
        ([Code.LOGIN_REQUIRED, Code.DISK_FULL], True, 9),
        ([Code.QUOTA_EXCEEDED, Code.NOT_FOUND], True, 6),
        ([Code.RATE_LIMITED, Code.NOT_FOUND], False, 7),
        ([Code.INTERRUPTED, Code.NOT_FOUND], True, 130),
        ([Code.STORE_LOCKED], True, 10),
    ],
)
def test_failures_add_up_as_the_contract_says(codes: list[Code], succeeded: bool, exit_code: int) -> None:
    assert exit_code_of(codes, succeeded=succeeded) == exit_code
