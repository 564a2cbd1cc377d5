"""`civitai-kit library pages`: a static site of the library, to look at in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import LIBRARY_OUT
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import CivitaiKitError, Code, UsageError

if TYPE_CHECKING:
    from civitai_kit.core.library.pages_report import PagesReport
    from civitai_kit.kit.parts import Kit

DETAILS = """Nothing is asked of the site: the pages show what `library scan` has kept. Open index.html in the library's
folder; a web server may serve the folder as well. Only pages whose model changed are written anew."""

MISSING = "Library pages need Jinja2 and nh3, which are not installed."


def run(call: Call) -> Outcome:
    """Make the pages and say where they are."""
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.library.pages import make_pages

    _check_extra()
    loaded = call.load()
    with open_kit(loaded, _unheard, writing=False, command=call.command, stop=call.stop) as kit:
        _check_folder(kit.ground.library_folder)
        with kit.pages_parts() as parts:
            report = make_pages(parts)
        return Outcome(report.as_json(_shown(kit, report)), _lines(report, kit.ground.library_folder))


def _check_extra() -> None:
    try:
        import civitai_kit.pages.render  # noqa: F401
    except ImportError as error:
        from civitai_kit.kit.extras import adding

        raise CivitaiKitError(MISSING, code=Code.USAGE, hint=f"{adding('server')} brings them.") from error


def _check_folder(output: Path) -> None:
    if not output.is_dir():
        raise UsageError(
            f"There is no library at {output}",
            hint="`civitai-kit library scan PATH` makes one; --output says where it is.",
        )


def _shown(kit: Kit, report: PagesReport) -> dict[str, str]:
    """Each page's path as results name it: relative to the save path, absolute elsewhere."""
    output = kit.ground.library_folder
    inside = kit.disk.relative(output)
    before = output.as_posix() if inside is None else inside
    return {path: f"{before}/{path}" if before != "." else path for path in report.pages}


def _lines(report: PagesReport, output: Path) -> list[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.amounts import counted

    return [
        f"{counted(report.models, 'model')}; {counted(report.written, 'page')} written.",
        f"Open {shown((output / 'index.html').as_posix())}",
    ]


def _unheard(event: object) -> None:
    """Making pages tells nothing worth drawing."""


COMMAND = Command(run, (LIBRARY_OUT,), details=DETAILS)
