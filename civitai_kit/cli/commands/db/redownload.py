"""`civitai-kit db redownload`: fetch versions anew, by their ids."""

from __future__ import annotations

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import EVERY_FLAG
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import writing
from civitai_kit.cli.output.console import Outcome, of_report
from civitai_kit.core.errors import UsageError

DETAILS = """A version's id is a number like 12345, or v_12345 as `civitai-kit db view` shows it. Its recorded files are
fetched whether they are right or not; each stays as it is until the new one is complete and proved. A version that is
not in the database is looked up on the site and fetched as `download` would."""


def run(call: Call) -> Outcome:
    """Fetch, and report as `download` does."""
    from civitai_kit.core.plans.selection import Selection
    from civitai_kit.kit.download_options import download_options
    from civitai_kit.services.upkeep.redownload import plan_again, redownload, version_ids_of

    version_ids = version_ids_of(call.arguments)
    if not version_ids:
        raise UsageError("No version id was given.", hint="`civitai-kit db redownload 12345 v_67890` takes many.")
    loaded = call.load()
    with writing(call, loaded) as (kit, progress):
        wide = Selection(early_access=loaded.settings.early_access, allow_unsafe=loaded.settings.allow_unsafe)
        plan = plan_again(kit.scan_parts, version_ids, wide, progress)
        report = redownload(kit.download_parts, plan, download_options(loaded.settings), progress)
        return of_report(report, kept=progress.state.kept_bytes)


_FETCHING = (
    "concurrency",
    "connections",
    "limit_rate",
    "allow_hash_mismatch",
    "metadata",
    "model_info",
    "version_images",
    "model_images",
    "early_access",
    "allow_unsafe",
)
COMMAND = Command(run, tuple(flag for flag in EVERY_FLAG if flag.key in _FETCHING), "VERSION_ID", DETAILS)
