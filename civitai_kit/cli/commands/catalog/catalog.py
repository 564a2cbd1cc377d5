"""`civitai-kit catalog map`, `add`, `promote`, `remove`: the catalogs, as over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import CATALOG, CATALOG_ADD
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome, of_report
from civitai_kit.core.errors import Code, Exit, UsageError

if TYPE_CHECKING:
    from civitai_kit.kit.settings import Loaded

_SAID = {
    "added": "Added {name} to {category}; its file is {dest}/{file}.",
    "already_exists": "It is in the catalog already{as_file}.",
    "promoted": "Moved {file} to {category} in loras.json.",
    "removed": "Removed {file} from the catalog.",
}
_FOLDERS = """The catalogs are models.json and loras.json in --catalog-dir (default: catalog under the save path). Files
are looked for below --models-dir (default: the save path). Fields of other programs are kept."""


def show_map(call: Call) -> Outcome:
    """What is in the catalogs."""
    from civitai_kit.services.catalog.catalogs import civitai_map

    call.load()
    with reading(call) as kit:
        found = civitai_map(kit.catalog_parts)
    return Outcome(found, list(_map_lines(found)))


def _map_lines(found: dict[str, Any]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted

    rows = found["by_version"]
    if rows:
        cells = [
            [row["status"], version, row["catalog"], shown(row["base_model"]), shown(f"{row['dest']}/{row['file']}")]
            for version, row in rows.items()
        ]
        yield from table(["FILE IS", "VERSION", "CATALOG", "BASE MODEL", "FILE"], cells, flexible=4)
        yield ""
    yield f"{counted(len(rows), 'version')} of {counted(len(found['by_model']), 'model')}."


def add(call: Call) -> Outcome:
    """Add a version, and with --download fetch its file."""
    from civitai_kit.services.catalog.catalogs import add as add_version

    version_id = _version_id(call)
    loaded = call.load()
    with reading(call) as kit:
        body = add_version(kit.catalog_parts, version_id)
    if body["status"] == "restricted":
        error = {"code": str(Code.DOWNLOADS_DISABLED), "message": f"{body['reason']}.", "version_id": version_id}
        return Outcome(body, [], [error], Exit.AUTHENTICATION)
    return _fetched(call, loaded, version_id, body) if call.has("download") else _said(body)


def _fetched(call: Call, loaded: Loaded, version_id: int, body: dict[str, Any]) -> Outcome:
    from dataclasses import replace

    from civitai_kit.cli.opening import writing
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.plans.selection import ScanRequest, Selection
    from civitai_kit.core.site.references import Reference, ReferenceKind
    from civitai_kit.kit.download_options import download_options
    from civitai_kit.services.download.download import download
    from civitai_kit.services.scan.scan import scan

    with writing(call, loaded) as (kit, progress):
        if kit.ground.below_save_path("") is None:
            raise UsageError(
                "--download fetches into the save path, and the models' folder lies outside it.",
                hint="Let --save-path and --models-dir name one folder.",
            )
        named = (Reference(ReferenceKind.VERSION, version_id=version_id),)
        plan = scan(kit.scan_parts, ScanRequest(references=named, selection=Selection(primary_only=True)), progress)
        plan = kit.catalog_places.placed(plan)
        found = kit.catalog_places.found_elsewhere(plan)
        kit.catalog_places.link(found)
        report = download(kit.download_parts, plan, download_options(loaded.settings), progress)
        outcome = of_report(report, kept=progress.state.kept_bytes)
    linked = [each.place for each in found]
    lines = [*_said(body).lines, *(f"Linked {shown(place)} to the file that is here." for place in linked)]
    data = {**body, "linked": linked, "download": outcome.data}
    return replace(outcome, data=data, lines=[*lines, *([] if linked else outcome.lines)])


def promote(call: Call) -> Outcome:
    """Move a LoRA from models.json to loras.json."""
    from civitai_kit.services.catalog.catalogs import promote as promote_version

    version_id = _version_id(call)
    call.load()
    with reading(call) as kit:
        return _said(promote_version(kit.catalog_parts, version_id))


def remove(call: Call) -> Outcome:
    """Remove an entry whose file is gone."""
    from civitai_kit.services.catalog.catalogs import remove as remove_file

    if len(call.arguments) != 1:
        raise UsageError("catalog remove takes one FILENAME.", hint="A name with blanks stands in quotes.")
    call.load()
    with reading(call) as kit:
        return _said(remove_file(kit.catalog_parts, call.arguments[0]))


def _version_id(call: Call) -> int:
    from civitai_kit.cli.input.selection import id_of

    if len(call.arguments) != 1:
        raise UsageError(f"{call.command} takes one VERSION_ID.", hint="It stands in the address of the model's page.")
    return id_of(call.arguments[0], "VERSION_ID", prefix="v_")


def _said(body: dict[str, Any]) -> Outcome:
    from civitai_kit.cli.output.safe_text import shown

    words = {name: shown(str(value)) for name, value in body.items()}
    as_file = f" as {words['file']}" if body.get("file") else ""
    return Outcome(body, [_SAID[body["status"]].format(**{**words, "as_file": as_file})])


MAP = Command(show_map, CATALOG, details=_FOLDERS)
ADD = Command(
    add,
    (*CATALOG, *CATALOG_ADD),
    "VERSION_ID",
    f"""{_FOLDERS} A version whose creator allows no download is not added (exit code 3). Type and base model say where
it belongs; the setting catalog.routes can say otherwise.""",
)
PROMOTE = Command(promote, CATALOG, "VERSION_ID", _FOLDERS)
REMOVE = Command(remove, CATALOG, "FILENAME", f"{_FOLDERS} While its file is there an entry stays.")
