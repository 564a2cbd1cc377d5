"""Schemathesis over `serve`'s own description: no answer is a 500, and none is outside what the description says.

It brings some twenty packages, so it has a place of its own:
`python3 -m venv .cache/schemathesis && .cache/schemathesis/bin/pip install schemathesis`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from torture.catalog import TOKEN, Asked, serve
from torture.content import Body, file_row, version_row
from torture.place import Place
from torture.site import Request, Site, json_answer
from torture.suite import SLOW, Job, Kind, Result

OWN = Path(__file__).resolve().parent.parent / ".cache" / "schemathesis" / "bin" / "schemathesis"
EXAMPLES = 200
_SECONDS = 600.0
# An answer without end cannot be read to its end.
_ENDLESS = "/events$"
# Whether a REF or a plan is one, no schema says; a download that was stopped is still told of.
_NOT_HELD_TO = "positive_data_acceptance,use_after_free"
# What it asks for first where any text will do.
_FILE_NAMES = ("0", "1", "a")


def _described(place: Place) -> Iterator[Result]:
    program = str(OWN) if OWN.exists() else shutil.which("schemathesis")
    if program is None:
        yield Result("the description", (), "", "schemathesis is not installed; torture/schema.py says how")
        return
    site = place.closing.enter_context(Site(on_site=_any_version))
    place.at(site.url, "--retries", "0")
    _fill(place)
    running = serve(place, asked := Asked(), "--files")
    words = [program, "--config-file", str(_settings(place)), "run", f"{asked.url}/openapi.json"]
    words += ["--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--exclude-checks", _NOT_HELD_TO]
    words += ["--max-examples", str(EXAMPLES)]
    words += ["--exclude-path-regex", _ENDLESS, "--no-color"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=place.work)
    running.process.terminate()
    complaints = [each for each in running.wait().faults() if not each.startswith(SLOW)]
    if done.returncode:
        complaints += re.findall(r"^- ST.*|^\[\d\d\d\] [\s\S]*?curl .*", done.stdout, re.MULTILINE) or [
            done.stdout[-2000:]
        ]
    said = re.findall(r"\d+ generated.*", done.stdout)
    yield Result("the description", tuple(complaints), place.last, said[0] if said else "")


def _any_version(request: Request) -> bool:
    """There is every version but each third."""
    found = re.fullmatch(r"/api/v1/model-versions/(\d+)", request.path)
    if not found or int(found[1]) % 3 == 0:
        return False
    number = int(found[1])
    row = version_row(number, number, [file_row(number, f"file{number}.safetensors", Body(100))])
    request.send(json_answer({**row, "model": {"name": "Model", "type": "LORA"}}))
    return True


def _fill(place: Place) -> None:
    """Some entries that can be removed."""
    models = [{"file": name, "dest": "loras", "civitai_version_id": at} for at, name in enumerate(_FILE_NAMES, 1)]
    folder = place.save / "catalog"
    folder.mkdir(parents=True)
    content = {"version": 1, "categories": [{"id": "loras", "models": models}]}
    (folder / "models.json").write_text(json.dumps(content), encoding="utf-8")


def _settings(place: Place) -> Path:
    """No settings of anybody's."""
    path = place.work / "schemathesis.toml"
    path.touch()
    return path


def _jobs() -> list[Job]:
    return [Job("the description", _described)]


KIND = Kind("schema", 1, _jobs)
