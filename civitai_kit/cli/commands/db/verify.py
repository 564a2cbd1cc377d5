"""`civitai-kit db verify`: is everything that is remembered there, and is it right?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import EVERY_FLAG, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import is_empty, reading, writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import NotWritable, UsageError

if TYPE_CHECKING:
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.core.collection.audit import Audit, Checked
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.services.download.download import DownloadOptions
    from civitai_kit.services.upkeep.verify import VerifyOptions

_FETCHES = "`civitai-kit db verify --yes` fetches what is wrong again."
_STILL_WRONG = "Why it could not be fetched stands above; `civitai-kit db removed` tells what the site no longer has."
# More threads than that wait for the disk.
MOST_THREADS = 8

DETAILS = """Every recorded file is looked at: is it there, has it the right size and the right hash, can it be read?
Files that are right but were not known to be there are remembered so. Exit code 8 when something is and stays wrong.
--yes fetches what is wrong as `download` would; an old file stays until the new one is complete and proved.
With --metadata (or the setting) missing .json sidecars are written from the saved answers of the site."""


def run(call: Call) -> Outcome:
    """Check, and where that is wanted fetch again what is wrong."""
    from civitai_kit.core.collection.audit import Audit

    loaded = call.load()
    options = _options(call, loaded.settings)
    if is_empty(call, loaded):
        return _outcome(call, Audit())
    try:
        audit, is_told = _audited(call, loaded, options)
        return _outcome(call, audit, is_told=is_told)
    except NotWritable as error:
        if call.has("yes"):
            raise
        call.console.warn(f"{error.message.rstrip('.')}; so nothing is remembered of this check.")
        return _outcome(call, _looked_at(call, options))


def _options(call: Call, settings: Settings) -> VerifyOptions:
    from civitai_kit.machine import cores
    from civitai_kit.services.upkeep.verify import VerifyOptions

    if call.has("check_hash") and call.has("no_check_hash"):
        raise UsageError("--check-hash and --no-check-hash say opposite things.", hint="Type one of them.")
    return VerifyOptions(
        check_hash=not call.has("no_check_hash"),
        trust_mtime=call.has("trust_mtime"),
        metadata=settings.metadata,
        threads=min(MOST_THREADS, cores()),
    )


def _audited(call: Call, loaded: Loaded, options: VerifyOptions) -> tuple[Audit, bool]:
    """What came of it, and whether a person has read already what is wrong."""
    from civitai_kit.core.under_way import State
    from civitai_kit.services.upkeep.verify import repair, verify

    with writing(call, loaded) as (kit, progress):
        parts = kit.verify_parts
        audit = verify(parts, options, progress)
        if not audit.wrong or not _can_repair(call):
            return audit, False
        if not call.has("yes") and not _agreed(call, audit, progress):
            return audit, call.console.shows_all
        progress.state = State()
        return repair(parts, audit, _fetch_options(loaded.settings), progress), False


def _looked_at(call: Call, options: VerifyOptions) -> Audit:
    """Check a save path that cannot be written; nothing is remembered of it."""
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.services.upkeep.verify import verify

    with Progress(call.console) as progress, reading(call) as kit:
        return verify(kit.verify_parts, options, progress)


def _can_repair(call: Call) -> bool:
    """Whether a yes was said beforehand, or somebody is there to say it."""
    return call.has("yes") or (call.console.can_ask and not call.console.as_json)


def _agreed(call: Call, audit: Audit, progress: Progress) -> bool:
    from civitai_kit.core.amounts import counted

    for line in _wrong_lines(audit):
        call.console.tell(line)
    return progress.ask(f"Fetch {counted(len(audit.wrong), 'file')} again?")


def _fetch_options(settings: Settings) -> DownloadOptions:
    """As for a download, but of what can lie beside files only their metadata is saved."""
    from civitai_kit.kit.download_options import download_options

    return replace(download_options(settings), model_info=False, version_images=False, model_images=False)


def _outcome(call: Call, audit: Audit, *, is_told: bool = False) -> Outcome:
    rows = audit.error_rows() if call.console.as_json else list(_errors_for_people(audit))
    return Outcome(audit.as_json(), list(_lines(audit, is_told=is_told)), rows, audit.exit_code)


def _lines(audit: Audit, *, is_told: bool) -> Iterator[str]:
    from civitai_kit.core.amounts import counted

    yield from () if is_told else _wrong_lines(audit)
    if audit.restored:
        yield f"Restored {counted(len(audit.restored), 'sidecar')}."
    if audit.repair is not None and audit.repair.downloaded:
        yield f"Fetched {counted(len(audit.repair.downloaded), 'file')} again."
    counts = ", ".join(f"{number:,} {finding}" for finding, number in audit.counts().items())
    yield f"Checked {counted(len(audit.rows), 'file')}{f': {counts}' if counts else ''}."


def _wrong_lines(audit: Audit) -> Iterator[str]:
    """What is wrong, grouped by what is wrong with it."""
    from civitai_kit.core.collection.audit import WRONG

    for finding in WRONG:
        rows = [row for row in audit.rows if row.finding is finding]
        if rows:
            yield f"{finding} ({len(rows):,})"
            yield from map(_wrong_line, rows)


def _wrong_line(row: Checked) -> str:
    from civitai_kit.cli.output.safe_text import shown

    why = f"  ({shown(row.why)})" if row.why else ""
    return f"  {row.key}  {row.status}  {shown(row.path)}{why}"


def _errors_for_people(audit: Audit) -> Iterator[dict[str, Any]]:
    """One sentence for all that is wrong, since each stands above; what could not be fetched has its own reason."""
    from civitai_kit.core.amounts import counted

    if audit.repair is not None:
        yield from audit.repair.error_rows()
    if audit.wrong:
        hint = _STILL_WRONG if audit.repair is not None else _FETCHES
        message = f"Not right: {len(audit.wrong):,} of {counted(len(audit.rows), 'file')}."
        yield {"code": str(audit.wrong[0].finding), "message": message, "hint": hint}


_FETCHING = ("concurrency", "connections", "limit_rate", "allow_hash_mismatch", "metadata")
COMMAND = Command(
    run,
    (
        Flag(("-y", "--yes"), meaning="fetch again what is missing or wrong, without asking"),
        Flag(("--check-hash",), meaning="read every file and compare its hash (this is the default)"),
        Flag(("--no-check-hash",), meaning="a quick look: only whether files are there, and their sizes"),
        Flag(("--trust-mtime",), meaning="do not read a file again whose time and size are as when it was last proved"),
        *(flag for flag in EVERY_FLAG if flag.key in _FETCHING),
    ),
    details=DETAILS,
)
