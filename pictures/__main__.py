"""`python -m pictures [FOLDER]`: draw every picture anew, in docs/pictures or another folder."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from civitai_kit.sandbox.serve import running
from pictures.drawing import drawn
from pictures.library_pages import draw_pages
from pictures.scenes import COLUMNS, SCENES, Shell
from pictures.served_pages import draw_served
from pictures.terminal import Start, start

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def draw(folder: Path, start: Start = start) -> None:
    """Play every scene, each in an empty folder with a sandbox as new, and write what it shows."""
    with running() as sandbox:
        for name, scene in SCENES.items():
            sandbox.reset()
            with tempfile.TemporaryDirectory() as work:
                shell = Shell(sandbox, Path(work), start)
                scene(shell)
            (folder / f"{name}.svg").write_text(drawn(name, shell.lines, COLUMNS), encoding="utf-8")


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if sys.argv[1:] else PICTURES
    draw(wanted)
    draw_pages(wanted)
    with running() as site:
        draw_served(wanted, site)
