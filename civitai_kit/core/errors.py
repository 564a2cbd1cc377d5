"""Everything that can go wrong, in one tree: each error carries a code, an exit code, its parts and a hint.

CivitaiKitError
├── UsageError              what was typed or handed in makes no sense
│   ├── SettingsError       a settings file, variable or flag holds something it cannot
│   └── ExtraMissing        an optional part of the installation is wanted and not there
├── SiteError               the site was asked and did not give
│   ├── BadQuery            400
│   ├── Unauthorized        401: login required, or downloads disabled by the creator
│   ├── Forbidden           403: early access, or no access
│   ├── NotFound            404
│   ├── Gone                410: archived
│   ├── RateLimited         429: too fast, or the daily quota is used up
│   ├── RegionBlocked       451
│   ├── Unavailable         5xx, 408, 499 or no connection at all
│   └── UnexpectedReply     a page instead of JSON, broken JSON, a shape that is none
├── TransferError           the bytes did not come, or were not the right ones
│   ├── HashMismatch · SizeMismatch · NotAModel
├── DiskError               DiskFull · NotWritable
├── StoreError              StoreUnreadable · StoreLocked · StoreTooNew
├── Interrupted             Ctrl-C or a stop signal
└── Unforeseen              a mistake of the program, in one piece of work or as a whole
"""

from __future__ import annotations

import errno
from typing import Any

from civitai_kit.core.codes import ENDS_RUN as ENDS_RUN
from civitai_kit.core.codes import EXIT_OF as EXIT_OF
from civitai_kit.core.codes import Code as Code
from civitai_kit.core.codes import Exit as Exit
from civitai_kit.core.codes import exit_code_of as exit_code_of
from civitai_kit.core.exhaustion import lack_of
from civitai_kit.core.overlong import cut_in_the_middle
from civitai_kit.core.url_keys import without_keys

# What systems take: a path in full is of use to a program.
LONGEST_PATH = 4096


class CivitaiKitError(Exception):
    """The root of the tree: catch it for everything that this package raises.

    `message` says what happened, `hint` how to help (or None), `code` is the stable word for it (docs/programs.md).
    `model_id`, `version_id`, `file_id` and `path` say what it is about, None where that is not known. Keys in URLs
    are cut out of message and hint. `received` are the bytes that came over the network for what failed;
    `default_code` is the code of the class.
    """

    default_code: Code = Code.UNFORESEEN

    def __init__(
        self,
        message: str,
        *,
        code: Code | None = None,
        hint: str | None = None,
        model_id: int | None = None,
        version_id: int | None = None,
        file_id: int | None = None,
        path: str | None = None,
    ) -> None:
        self.message: str = cut_in_the_middle(without_keys(message))
        super().__init__(self.message)
        self.code: Code = code or self.default_code
        self.hint: str | None = hint and cut_in_the_middle(without_keys(hint))
        self.model_id = model_id
        self.version_id = version_id
        self.file_id = file_id
        self.path = path
        self.received: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled with all parts, whichever its class wants to be made with."""
        return _made_again, (type(self), self.args), self.__dict__

    @property
    def exit_code(self) -> int:
        """The exit code that this error alone would end the command with."""
        return EXIT_OF[self.code]

    def as_row(self) -> dict[str, Any]:
        """The error as one row of `errors[]`: `code`, `message` and what else is known."""
        parts = {
            "code": str(self.code),
            "message": self.message,
            "hint": self.hint,
            "model_id": self.model_id,
            "version_id": self.version_id,
            "file_id": self.file_id,
            "path": self.path and cut_in_the_middle(without_keys(self.path), LONGEST_PATH),
        }
        return {name: value for name, value in parts.items() if value is not None}


def _made_again(kind: type[CivitaiKitError], args: tuple[Any, ...]) -> CivitaiKitError:
    return kind.__new__(kind, *args)


class UsageError(CivitaiKitError):
    """What was typed or handed in makes no sense: an option, client or address. Nothing was asked or written."""

    default_code = Code.USAGE


class SettingsError(UsageError):
    """A settings file, variable or flag holds something it cannot."""

    default_code = Code.SETTINGS


class ExtraMissing(UsageError):
    """What was asked for takes an optional part of the installation, `extra`: a SOCKS proxy, for one."""

    def __init__(self, message: str, *, extra: str, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.extra = extra


class SiteError(CivitaiKitError):
    """The site was asked and did not give.

    `status` is the HTTP status, None where no answer came; `endpoint` is the path that was asked, without the query.
    `retry_after` are the seconds that the site asks to wait, None where it does not say.
    """

    default_code = Code.UNAVAILABLE

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        endpoint: str | None = None,
        retry_after: float | None = None,
        **parts: Any,
    ) -> None:
        super().__init__(message, **parts)
        self.status = status
        self.endpoint = endpoint
        self.retry_after = retry_after


class BadQuery(SiteError):
    """400: the site refused the question; `message` holds its reasons, readable. Refused here, it is a BadOption."""

    default_code = Code.USAGE


class Unauthorized(SiteError):
    """401: the site wants a good key, or (code `downloads_disabled`) the creator has switched downloads off."""

    default_code = Code.LOGIN_REQUIRED


class Forbidden(SiteError):
    """403: early access (code `early_access`; `deadline` is its end, ISO 8601, None for never) or no access."""

    default_code = Code.NO_ACCESS

    def __init__(self, message: str, *, deadline: str | None = None, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.deadline = deadline


class NotFound(SiteError):
    """404: no such thing, or not for us; `no_address` where the site does not say so in words of its own.

    Then it is no answer to the question: the site has nothing at this address.
    """

    default_code = Code.NOT_FOUND

    def __init__(self, message: str, *, no_address: bool = False, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.no_address = no_address


class Gone(SiteError):
    """410: the model is archived, and its files are not to be had."""

    default_code = Code.ARCHIVED


class RateLimited(SiteError):
    """429: too fast, or (code `quota_exceeded`) the day's downloads are used up.

    A client has waited and tried again before it raises this, unless that cannot help: the day's downloads are used
    up, the page is too far on, or the site asked for more than five minutes (site.md 13).
    """

    default_code = Code.RATE_LIMITED


class RegionBlocked(SiteError):
    """451: the site does not serve this region."""

    default_code = Code.REGION_BLOCKED


class Unavailable(SiteError):
    """5xx, 408 or 499: the site is down or overloaded; or (code `network`) out of reach: no answer, DNS, timeout."""

    default_code = Code.UNAVAILABLE


class UnexpectedReply(SiteError):
    """A page instead of JSON, broken or cut JSON, or a shape that is none of the site's."""

    default_code = Code.UNEXPECTED_REPLY


class TransferError(CivitaiKitError):
    """The bytes of a file did not come, and what did stays in the part file; or they are not the right ones."""

    default_code = Code.NETWORK


class HashMismatch(TransferError):
    """The bytes came whole, twice, and their hash is not the one that the site states; they are thrown away."""

    default_code = Code.HASH_MISMATCH


class SizeMismatch(TransferError):
    """The length is not the one that the site states, and no hash was there to decide."""

    default_code = Code.SIZE_MISMATCH


class NotAModel(TransferError):
    """A page or an error text came instead of a file."""

    default_code = Code.NOT_A_MODEL


class DiskError(CivitaiKitError):
    """The file system said no; `path` says where."""

    default_code = Code.NOT_WRITABLE


class DiskFull(DiskError):
    """No space is left on the disk."""

    default_code = Code.DISK_FULL


class NotWritable(DiskError):
    """A folder or file cannot be written, or another file is in its place."""

    default_code = Code.NOT_WRITABLE


class StoreError(CivitaiKitError):
    """The database said no."""

    default_code = Code.STORE_UNREADABLE


class StoreUnreadable(StoreError):
    """The database is damaged or is not one of ours; it was not touched."""


class StoreLocked(StoreError):
    """Another process is writing under this save path."""

    default_code = Code.STORE_LOCKED


class StoreTooNew(StoreError):
    """The database was written by a newer version; it was not touched."""

    default_code = Code.STORE_TOO_NEW


class Interrupted(CivitaiKitError):
    """Ctrl-C or a stop signal; what was under way is kept for the next run."""

    default_code = Code.INTERRUPTED


class Unforeseen(CivitaiKitError):
    """A mistake of the program; where it arose is told by its `__cause__`."""

    default_code = Code.UNFORESEEN


def known_failure(error: Exception) -> CivitaiKitError | None:
    """The error itself, or what the machine says by it: too little of something, a name too long; None for others."""
    if isinstance(error, CivitaiKitError):
        return error
    lack = lack_of(error)
    if lack is not None:
        return Unforeseen(lack.message, hint=lack.hint)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        named = str(error.filename or "It")
        return UsageError(f"{named} is too long a name for this file system.", hint="Choose a shorter one.", path=named)
    return None


def in_our_tree(error: Exception) -> CivitaiKitError:
    """The error itself where it is one of the tree; anything else as Unforeseen, with what there was no more of.

    Its text is not repeated, for it may hold anything: a key, a page, a body.
    """
    found = known_failure(error)
    if found is not None:
        return found
    unforeseen = Unforeseen(f"Something unforeseen happened: {type(error).__name__}.")
    unforeseen.__cause__ = error
    return unforeseen
