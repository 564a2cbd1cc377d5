"""`civitai-kit db …`: what is remembered of downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from civitai_kit.cli.commands.db.image_records import IMAGE_RECORDS, image_outcome
from civitai_kit.cli.commands.db.opening import reading
from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_VIEW
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.collection.entry import Summary, SummaryFile

# A sort key, and whether the greatest comes first.
Order: TypeAlias = "tuple[Callable[[Summary], Any], bool]"

NO_DATE = ""
# What --sort knows; names go from a to z, numbers up, dates from the newest.
ORDERS: dict[str, Order] = {
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
    wanted, order = filter_of(call), order_of(call)
    with reading(call) as kit:
        return shown_entries(call, filter(wanted, kit.store.summaries()), order)


def shown_entries(call: Call, entries: Iterable[Summary], order: Order | None) -> Outcome:
    """Show entries as they come, or in an order when all have come."""
    if order is not None:
        key, newest_first = order
        entries = sorted(entries, key=key, reverse=newest_first)
    if call.console.as_json:
        call.console.stream(call.command, "entries", map(as_row, entries))
    else:
        call.console.stream_lines(listing(entries))
    return Outcome({"entries": []})


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
    from civitai_kit.core.collection.entry import Status
    from civitai_kit.core.settings.checks import did_you_mean

    by_name = {str(status).casefold(): status for status in Status}
    if word.casefold() not in by_name:
        names = ", ".join(Status)
        raise UsageError(
            f"--status: expected one of {names}, got {word!r}.", hint=did_you_mean(word, [*map(str, Status)])
        )
    return by_name[word.casefold()]


def order_of(call: Call) -> Order | None:
    """What --sort wants: a key, and whether the greatest comes first."""
    word = call.typed.get("sort")
    if word is None:
        return None
    if word.casefold() not in ORDERS:
        from civitai_kit.core.settings.checks import did_you_mean

        raise UsageError(f"--sort: expected one of {', '.join(ORDERS)}, got {word!r}.", hint=did_you_mean(word, ORDERS))
    return ORDERS[word.casefold()]


@dataclass
class _Totals:
    """What a listing adds up to, once it is through."""

    entries: int = 0
    files: int = 0
    size: int = 0

    def counting(self, entries: Iterable[Summary]) -> Iterator[Summary]:
        for entry in entries:
            self.entries += 1
            self.files += len(entry.files)
            self.size += entry.size
            yield entry


def listing(entries: Iterable[Summary]) -> Iterator[str]:
    """The lines of a listing, as the entries come."""
    from civitai_kit.cli.output.tables import streamed
    from civitai_kit.core.amounts import counted, shown_bytes

    rest = iter(entries)
    first = next(rest, None)
    if first is None:
        yield "No entries."
        return
    totals = _Totals()
    rows = _rows(totals.counting(chain([first], rest)))
    yield from streamed(HEAD, rows, flexible=4, right=(7, 8), spare=(7, 6, 5, 2))
    yield ""
    yield f"{counted(totals.entries, 'entry')}, {counted(totals.files, 'file')}, {shown_bytes(totals.size)}"


def _rows(entries: Iterable[Summary]) -> Iterator[list[str]]:
    from civitai_kit.cli.output.safe_text import cut, shown
    from civitai_kit.core.amounts import shown_bytes

    for entry in entries:
        words = (entry.key, str(entry.status), entry.type, entry.base_model, entry.model_name, entry.version_name)
        cells = [*words, entry.creator or "-"]
        yield [*(cut(shown(cell), WIDEST) for cell in cells), str(len(entry.files)), shown_bytes(entry.size)]


VIEW = Command(view, (*DB_VIEW, IMAGE_RECORDS))
