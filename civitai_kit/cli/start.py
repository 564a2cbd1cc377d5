"""Where the program begins: its own help is a file that is ready to print, everything else is read by Typer.

To load what reads a command line takes longer than all the rest of showing the help.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

# The page as Typer prints it where there is room; `make page` writes it anew, and a test compares the two.
PAGE = os.path.join(os.path.dirname(__file__), "help.txt")  # noqa: PTH118, PTH120 - pathlib takes longer than the rest
PAGE_COLUMNS = 80
# Set by the shell that asks what could be typed next.
COMPLETING = "_CIVITAI_KIT_COMPLETE"
# When the interpreter looks for cycles among objects. The import of a command makes some hundred thousand objects that
# stay to the end; to look through them after every 700 takes a fifteenth of a command's start, a tenth of a scan.
RARE_COLLECTION = (100_000, 50, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; nothing that goes wrong leaves it as an exception."""
    words = list(sys.argv[1:] if argv is None else argv)
    asks_help = words in (["--help"], ["-h"]) or (not words and COMPLETING not in os.environ)
    if asks_help and _has_room() and _show_page():
        return 0
    # Plugins of pydantic are for other programs: to look for them reads what every installed package says of itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(*RARE_COLLECTION)
    from civitai_kit.cli.main import main as run

    code = run(words)
    # Everything goes with the process: a last search for cycles among it would take a tenth of a second.
    gc.freeze()
    return code


def _show_page() -> bool:
    """Print the page; says whether that went well. Not where it has letters that the output lacks."""
    if sys.stdout is None:
        return False
    try:
        with open(PAGE, encoding="utf-8") as file:  # noqa: PTH123
            page = file.read()
        page.encode(sys.stdout.encoding or "ascii")
        sys.stdout.write(page)
        sys.stdout.flush()
    except (OSError, UnicodeError, LookupError):
        return False
    return True


def _has_room() -> bool:
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said):
        return int(said) >= PAGE_COLUMNS
    try:
        return (os.get_terminal_size(sys.__stdout__.fileno()).columns or PAGE_COLUMNS) >= PAGE_COLUMNS  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return True


if __name__ == "__main__":
    raise SystemExit(main())
