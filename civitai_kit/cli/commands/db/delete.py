"""`civitai-kit db delete`: forget versions, and remove their files with all that lies beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_YES, DRY_RUN, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import is_empty, reading, writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.core.collection.removal import DeleteWish, Removal
    from civitai_kit.kit.parts import Kit

MOST_ROWS = 30

DETAILS = """An entry is deleted when any of the criteria means it. With it go its files, their .json sidecars, the
version's images in images/ beside them, part files, and folders that become empty; nothing else. A file that another
entry claims stays, and so does one outside the save path. The plan is shown and a yes is asked for; --dry-run ends
there."""


def run(call: Call) -> Outcome:
    """Plan, confirm, delete."""
    from civitai_kit.core.collection.removal import Removal

    wish = _wish(call)
    loaded = call.load()
    if is_empty(call, loaded):
        return _outcome(Removal(), ["Nothing to delete: the database has no entries."])
    if call.has("dry_run"):
        with reading(call) as kit:
            plan = _plan(call, kit, wish)
        return _outcome(plan, list(_plan_lines(plan, keep_files=call.has("keep_files"))))
    with writing(call, loaded) as (kit, progress):
        return _carried_out(call, kit, _plan(call, kit, wish), progress)


def _wish(call: Call) -> DeleteWish:
    from civitai_kit.cli.input.selection import id_of
    from civitai_kit.core.collection.removal import DeleteWish

    queries = call.typed.get("query", ())
    wish = DeleteWish(
        model_ids=frozenset(id_of(text, "--model-id") for text in call.many("model_id")),
        version_ids=frozenset(id_of(text, "--model-version-id", prefix="v_") for text in call.many("model_version_id")),
        usernames=call.many("username"),
        queries=tuple(text.strip() for text in queries if text.strip()),
    )
    if not wish or call.arguments:
        raise UsageError(
            "Nothing says what to delete.",
            hint="Say it with --model-id, --model-version-id, --username or --query; --dry-run shows what it means.",
        )
    return wish


def _plan(call: Call, kit: Kit, wish: DeleteWish) -> Removal:
    from civitai_kit.services.upkeep.delete import plan_delete

    return plan_delete(kit.store, kit.disk, wish, keep_files=call.has("keep_files"))


def _carried_out(call: Call, kit: Kit, plan: Removal, progress: Progress) -> Outcome:
    from civitai_kit.core.collection.removal import Removal
    from civitai_kit.services.upkeep.delete import delete

    keep_files = call.has("keep_files")
    if not plan.entries:
        return _outcome(plan, ["Nothing to delete: no entry is meant by that."])
    if not (call.has("yes") and call.console.as_json):
        for line in _plan_lines(plan, keep_files=keep_files):
            call.console.tell(line)
    if not call.has("yes") and not progress.ask(f"Delete {_amount(plan, keep_files=keep_files)}?"):
        return _outcome(Removal(), ["Nothing deleted."])
    done = delete(kit.store, kit.disk, plan, call.stop.is_set)
    return _outcome(done, [f"Deleted {_amount(done, keep_files=keep_files)}."])


def _outcome(removal: Removal, lines: list[str]) -> Outcome:
    return Outcome(removal.as_json(), lines, [error.as_row() for error in removal.failures], removal.exit_code)


def _plan_lines(plan: Removal, *, keep_files: bool) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown

    for doomed in plan.entries[:MOST_ROWS]:
        yield f"{doomed.key}  {shown(doomed.model_name)}  {shown(doomed.version_name)}"
        yield from (f"  {shown(each.path)}" for each in doomed.belongings)
        yield from (f"  {shown(path)} lies outside the save path and stays" for path in doomed.staying)
    if len(plan.entries) > MOST_ROWS:
        yield f"… and {len(plan.entries) - MOST_ROWS:,} more entries"
    yield f"To delete: {_amount(plan, keep_files=keep_files)}." if plan.entries else "Nothing to delete."


def _amount(removal: Removal, *, keep_files: bool) -> str:
    from civitai_kit.core.amounts import counted, shown_bytes

    entries = counted(len(removal.entries), "entry")
    if keep_files:
        return f"{entries}, no files"
    return f"{entries} with {counted(len(removal.removed), 'file')}, {shown_bytes(removal.bytes)}"


COMMAND = Command(
    run,
    (
        Flag(("--model-id",), takes="ID", meaning="all versions of this model", many=True),
        Flag(("--model-version-id",), takes="ID", meaning="this version, 12345 or v_12345", many=True),
        Flag(("-u", "--username"), takes="NAME", meaning="everything by this creator", many=True),
        Flag(("-q", "--query"), takes="TEXT", meaning="versions with this in their or their model's name", many=True),
        Flag(("--keep-files",), meaning="forget the entries and leave all files where they are"),
        DRY_RUN,
        DB_YES,
    ),
    details=DETAILS,
)
