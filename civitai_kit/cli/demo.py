"""The main job, shown: scan, download, verify and view as a person would type them, against a given site."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from civitai_kit.cli.output.console import Console, Outcome
from civitai_kit.cli.output.safe_text import shown
from civitai_kit.core.errors import Exit

FOLDER = Path("downloads-demo")
MARK = ".made-by-demo"
"""Lies in every folder that a demo made, so that the next one may remove it."""

SELECTION = ("--type", "LORA,Checkpoint", "--limit", "4")


def show_main_job(url: str, api_key: str, console: Console) -> Outcome:
    """Run the steps one after another until one fails; the exit code is that of the one that did."""
    save_path = _fresh_folder()
    steps = []
    exit_code = Exit.DONE
    for words in _steps(url, save_path):
        exit_code = _step(words, api_key, console)
        steps.append({"command": shlex.join(words), "exit_code": exit_code})
        if exit_code != Exit.DONE:
            break
    landed = sorted(path.relative_to(save_path).as_posix() for path in _files(save_path))
    lines = ["", f"What landed in {save_path}:", *_tree(save_path)]
    return Outcome(
        data={"save_path": str(save_path), "steps": steps, "files": landed}, lines=lines, exit_code=exit_code
    )


def _steps(url: str, save_path: Path) -> Iterator[list[str]]:
    here = ["--api-url", url, "--save-path", str(save_path)]
    yield ["scan", *SELECTION, *here]
    yield ["download", *SELECTION, "--metadata", "--version-images", "--yes", *here]
    yield ["db", "verify", *here]
    yield ["db", "view", *here]


def _step(words: list[str], api_key: str, console: Console) -> int:
    """One command in its own process; its words go where ours go, to stderr when stdout is for a program."""
    out = sys.stderr if console.as_json or sys.stdout is None else sys.stdout
    lines = ["", f"$ civitai-kit {shlex.join(words)}"]
    if console.as_json:
        for line in lines:
            console.tell(line)
    else:
        console.stream_lines(lines)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CIVITAI_")}
    # The sandbox is on this machine: a proxy of the environment would not find it.
    env |= {"CIVITAI_API_KEY": api_key, "NO_PROXY": "*", "no_proxy": "*"}
    command = [sys.executable, "-m", "civitai_kit", *words]
    return subprocess.run(command, env=env, stdout=out.fileno(), stdin=subprocess.DEVNULL, check=False).returncode


def _fresh_folder() -> Path:
    """A new folder under the demo's own; what earlier demos made is removed."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="ascii")
    for old in FOLDER.iterdir():
        if (old / MARK).is_file():
            shutil.rmtree(old, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix="run-", dir=FOLDER))
    (made / MARK).touch()
    return made


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != MARK]


def _tree(folder: Path, indent: str = "  ") -> Iterator[str]:
    """The files below a folder, with sizes; folders first come in the order of their names."""
    for path in sorted(folder.iterdir()):
        if path.name == MARK:
            continue
        if path.is_dir():
            yield f"{indent}{shown(path.name)}/"
            yield from _tree(path, indent + "  ")
        else:
            yield f"{indent}{shown(path.name)}  {path.stat().st_size:,} B"
