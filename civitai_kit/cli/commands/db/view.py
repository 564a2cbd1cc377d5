"""`civitai-kit db view`: the entries of the database, or the records of images; `db search` shows them the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_VIEW
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.collection.entry import ImageRecord, Status, Summary

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


def run(call: Call) -> Outcome:
    """List the entries of the database, or its images; where there is no database, nothing."""
    if call.has("images"):
        return shown_images(call)
    wanted, order = filter_of(call), order_of(call)
    with reading(call) as kit:
        return shown_entries(call, filter(wanted, kit.store.summaries()), order)


def shown_entries(call: Call, entries: Iterable[Summary], order: Order | None) -> Outcome:
    """Show entries as they come, or in an order when all have come."""
    from civitai_kit.cli.output.entries_view import entry_lines, entry_row

    if order is not None:
        key, greatest_first = order
        entries = sorted(entries, key=key, reverse=greatest_first)
    if call.console.as_json:
        call.console.stream(call.command, "entries", map(entry_row, entries))
    else:
        call.console.stream_lines(entry_lines(entries))
    return Outcome({"entries": []})


def shown_images(call: Call, text: str = "") -> Outcome:
    """Show the image records that have `text` in them, all of them for an empty one."""
    from civitai_kit.cli.output.entries_view import image_lines
    from civitai_kit.core.collection.entry import fold

    needle = fold(text)
    with reading(call) as kit:
        records = [record for record in kit.store.images() if not needle or needle in fold(_words(record))]
    rows = [record.model_dump(mode="json") for record in records]
    return Outcome({"entries": [], "images": rows}, image_lines(records))


def _words(record: ImageRecord) -> str:
    words = (record.target, str(record.image_id), record.username, record.checkpoint, *record.tags, record.path)
    return "\n".join(word for word in words if word)


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


def _status(word: str) -> Status:
    from civitai_kit.core.collection.entry import Status
    from civitai_kit.core.settings.checks import did_you_mean

    by_name = {str(status).casefold(): status for status in Status}
    if word.casefold() not in by_name:
        names = [str(status) for status in Status]
        message = f"--status: expected one of {', '.join(names)}, got {word!r}."
        raise UsageError(message, hint=did_you_mean(word, names))
    return by_name[word.casefold()]


def order_of(call: Call) -> Order | None:
    """What --sort wants; None for the order in which entries are kept."""
    word = call.typed.get("sort")
    if word is None:
        return None
    if word.casefold() not in ORDERS:
        from civitai_kit.core.settings.checks import did_you_mean

        raise UsageError(f"--sort: expected one of {', '.join(ORDERS)}, got {word!r}.", hint=did_you_mean(word, ORDERS))
    return ORDERS[word.casefold()]


COMMAND = Command(run, DB_VIEW)
