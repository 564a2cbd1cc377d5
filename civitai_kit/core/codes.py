"""The stable names of failures, the exit code of each, and what several failures add up to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Code(StrEnum):
    """The stable name of a failure, as it stands in `errors[].code` and `failed[].code`."""

    UNFORESEEN = "unforeseen"
    USAGE = "usage"
    SETTINGS = "settings"
    LOGIN_REQUIRED = "login_required"
    DOWNLOADS_DISABLED = "downloads_disabled"
    EARLY_ACCESS = "early_access"
    NO_ACCESS = "no_access"
    ARCHIVED = "archived"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    UNAVAILABLE = "unavailable"
    REGION_BLOCKED = "region_blocked"
    NETWORK = "network"
    UNEXPECTED_REPLY = "unexpected_reply"
    NOT_A_MODEL = "not_a_model"
    HASH_MISMATCH = "hash_mismatch"
    SIZE_MISMATCH = "size_mismatch"
    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    STORE_UNREADABLE = "store_unreadable"
    STORE_LOCKED = "store_locked"
    STORE_TOO_NEW = "store_too_new"
    INTERRUPTED = "interrupted"


class Exit:
    """The exit codes of the command; 0 to 6 are those of the site's own command-line tool."""

    DONE = 0
    UNFORESEEN = 1
    USAGE = 2
    AUTHENTICATION = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    RATE_LIMITED = 6
    SOME_FAILED = 7
    VERIFICATION = 8
    DISK = 9
    STORE = 10
    INTERRUPTED = 130


EXIT_OF: dict[Code, int] = {
    Code.UNFORESEEN: Exit.UNFORESEEN,
    Code.USAGE: Exit.USAGE,
    Code.SETTINGS: Exit.USAGE,
    Code.LOGIN_REQUIRED: Exit.AUTHENTICATION,
    Code.DOWNLOADS_DISABLED: Exit.AUTHENTICATION,
    Code.EARLY_ACCESS: Exit.AUTHENTICATION,
    Code.NO_ACCESS: Exit.AUTHENTICATION,
    Code.ARCHIVED: Exit.NOT_FOUND,
    Code.NOT_FOUND: Exit.NOT_FOUND,
    Code.RATE_LIMITED: Exit.RATE_LIMITED,
    Code.QUOTA_EXCEEDED: Exit.RATE_LIMITED,
    Code.UNAVAILABLE: Exit.UNAVAILABLE,
    Code.REGION_BLOCKED: Exit.UNAVAILABLE,
    Code.NETWORK: Exit.UNAVAILABLE,
    Code.UNEXPECTED_REPLY: Exit.UNAVAILABLE,
    Code.NOT_A_MODEL: Exit.UNAVAILABLE,
    Code.HASH_MISMATCH: Exit.VERIFICATION,
    Code.SIZE_MISMATCH: Exit.VERIFICATION,
    Code.DISK_FULL: Exit.DISK,
    Code.NOT_WRITABLE: Exit.DISK,
    Code.STORE_UNREADABLE: Exit.STORE,
    Code.STORE_LOCKED: Exit.STORE,
    Code.STORE_TOO_NEW: Exit.STORE,
    Code.INTERRUPTED: Exit.INTERRUPTED,
}

# What ends a run in order instead of being one item's failure.
ENDS_RUN: frozenset[Code] = frozenset(
    {
        Code.DISK_FULL,
        Code.QUOTA_EXCEEDED,
        Code.STORE_UNREADABLE,
        Code.STORE_LOCKED,
        Code.STORE_TOO_NEW,
        Code.INTERRUPTED,
    }
)


def exit_code_of(failures: Iterable[Code], *, succeeded: bool) -> int:
    """The exit code of a run: what ends a run first, then one number for all, else 7.

    `succeeded` says that something else went well, which makes one failure among several a 7.
    """
    codes = list(failures)
    ending = [code for code in codes if code in ENDS_RUN]
    if ending:
        return max(EXIT_OF[code] for code in ending)
    numbers = {EXIT_OF[code] for code in codes}
    if not numbers:
        return Exit.DONE
    if len(numbers) > 1 or succeeded:
        return Exit.SOME_FAILED
    return numbers.pop()
