"""`civitai-kit db …`: what is remembered of downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.call import Call
from civitai_kit.cli.console import Outcome
from civitai_kit.cli.db_images import IMAGE_RECORDS, image_outcome
from civitai_kit.cli.options import DB_VIEW
from civitai_kit.cli.parsing import Command
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.entry import Summary, SummaryFile

NO_DATE = ""
# What --sort knows; names go from a to z, numbers up, dates from the newest.
ORDERS: dict[str, tuple[Callable[[Summary], Any], bool]] = {
    "version": (lambda entry: entry.version_id, False),
    "name": (lambda entry: (entry.model_name.casefold(), entry.version_name.casefold(), entry.version_id), False),
    "type": (lambda entry: (entry.type.casefold(), entry.model_name.casefold(), entry.version_id), False),
    "base-model": (lambda entry: (entry.base_model.casefold(), entry.model_name.casefold(), entry.version_id), False),
    "creator": (lambda entry: ((entry.creator or "").casefold(), entry.model_name.casefold(), entry.version_id), False),
    "status": (lambda entry: (str(entry.status), entry.version_id), False),
    "size": (lambda entry: entry.size, True),
    "updated": (lambda entry: entry.updated_at or NO_DATE, True),
}
HEAD = ("KEY", "STATUS", "TYPE", "BASE MODEL", "MODEL", "VERSION", "CREATOR", "FILES", "SIZE")
WIDEST = 32


def view(call: Call) -> Outcome:
    """List the entries of the database, or its images; where there is none, there are none."""
    if call.has("images"):
        return image_outcome(call)
    wanted = filter_of(call)
    order = order_of(call)
    loaded = call.load()

    from civitai_kit.kit import open_kit

    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        entries = [entry for entry in kit.store.summaries() if wanted(entry)]
    if order is not None:
        key, newest_first = order
        entries.sort(key=key, reverse=newest_first)
    return Outcome({"entries": [as_row(entry) for entry in entries]}, listing(entries))


def as_row(entry: Summary) -> dict[str, Any]:
    """An entry as one row of `entries[]`."""
    return {
        "key": entry.key,
        "version_id": entry.version_id,
        "model_id": entry.model_id,
        "model_name": entry.model_name,
        "version_name": entry.version_name,
        "type": entry.type,
        "base_model": entry.base_model,
        "creator": entry.creator,
        "status": str(entry.status),
        "size": entry.size,
        "updated_at": entry.updated_at,
        "files": [_file_row(file) for file in entry.files],
    }


def _file_row(file: SummaryFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "status": str(file.status),
    }


def filter_of(call: Call) -> Callable[[Summary], bool]:
    """What --status, --type and --base-model want; case does not matter."""
    statuses = {_status(word) for word in call.many("status")}
    types = {word.casefold() for word in call.many("type")}
    bases = {word.casefold() for word in call.many("base_model")}

    def wanted(entry: Summary) -> bool:
        return (
            (not statuses or entry.status in statuses)
            and (not types or entry.type.casefold() in types)
            and (not bases or entry.base_model.casefold() in bases)
        )

    return wanted


def _status(word: str) -> Any:
    from civitai_kit.core.checks import did_you_mean
    from civitai_kit.core.entry import Status

    by_name = {str(status).casefold(): status for status in Status}
    if word.casefold() not in by_name:
        names = ", ".join(Status)
        raise UsageError(
            f"--status: expected one of {names}, got {word!r}.", hint=did_you_mean(word, [*map(str, Status)])
        )
    return by_name[word.casefold()]


def order_of(call: Call) -> tuple[Callable[[Summary], Any], bool] | None:
    word = call.typed.get("sort")
    if word is None:
        return None
    if word.casefold() not in ORDERS:
        from civitai_kit.core.checks import did_you_mean

        raise UsageError(f"--sort: expected one of {', '.join(ORDERS)}, got {word!r}.", hint=did_you_mean(word, ORDERS))
    return ORDERS[word.casefold()]


def listing(entries: list[Summary]) -> list[str]:
    from civitai_kit.cli.plan_view import counted, table
    from civitai_kit.core.amounts import shown_bytes

    if not entries:
        return ["No entries."]
    rows = list(_rows(entries))
    total = sum(entry.size for entry in entries)
    files = sum(len(entry.files) for entry in entries)
    closing = f"{counted(len(entries), 'entry')}, {counted(files, 'file')}, {shown_bytes(total)}"
    return [*table(HEAD, rows, flexible=4, right=(7, 8), spare=(7, 6, 5, 2)), "", closing]


def _rows(entries: list[Summary]) -> Iterator[list[str]]:
    from civitai_kit.cli.cleaning import cut, shown
    from civitai_kit.core.amounts import shown_bytes

    for entry in entries:
        words = (entry.key, str(entry.status), entry.type, entry.base_model, entry.model_name, entry.version_name)
        cells = [*words, entry.creator or "-"]
        yield [*(cut(shown(cell), WIDEST) for cell in cells), str(len(entry.files)), shown_bytes(entry.size)]


def _unheard(event: object) -> None:
    """Reading the database tells nothing worth drawing."""


VIEW = Command(view, (*DB_VIEW, IMAGE_RECORDS))
