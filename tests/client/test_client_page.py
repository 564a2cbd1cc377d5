"""The page about the client: its blocks run as they stand, against the sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import civitai_kit
from civitai_kit import AsyncClient, Client
from civitai_kit.testing import Sandbox

PAGE = Path(civitai_kit.__file__).parents[1] / "docs" / "client.md"

# The page speaks of the real site: where nothing else is said, the sandbox is asked.
TO_THE_SANDBOX = """
import os
from civitai_kit.client import clients
for kind in (clients.BlockingClient, clients.AwaitingClient):
    kind.__init__.__kwdefaults__["base_url"] = os.environ["SANDBOX"]
"""


def blocks() -> list[str]:
    """The Python that the page shows."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_run_in_their_order(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    program = TO_THE_SANDBOX + "\n".join(blocks())
    environment = {**os.environ, "SANDBOX": civitai_sandbox.url}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "not found: 404 /api/v1/models/987654" in done.stdout and "GET http" in done.stdout
    assert len(list((tmp_path / "downloads").iterdir())) == 2


def test_the_table_of_questions_names_every_method() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What can be asked")[2].partition("## Pages")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    for kind in (Client, AsyncClient):
        asked = {name for name in dir(kind) if not name.startswith("_")} - {"close", "aclose", "download"}
        assert asked <= named
    assert named - set(dir(Client)) == set()
