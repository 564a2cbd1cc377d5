"""What the client costs in processor time, held against bars."""

from __future__ import annotations

import subprocess
import sys

import httpx2

from civitai_kit.testing import Sandbox, World
from tests.client.plain_models import ratios

IMPORT_SECONDS, MAKE_SECONDS, PARSING = 0.020, 0.150, 1.3


PROGRAM = """
from time import process_time as now
begun = now()
import civitai_kit
imported = now()
kind = civitai_kit.Client
loaded = now()
kind()
print(imported - begun, now() - loaded)
"""


def test_the_import_costs_next_to_nothing_and_a_client_is_soon_made() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
        for _ in range(3)
    ]
    imported, made = (min(map(float, each)) for each in zip(*(run.stdout.split() for run in runs), strict=True))
    assert (imported < IMPORT_SECONDS, made < MAKE_SECONDS) == (True, True), (imported, made)


def test_a_page_of_a_hundred_models_costs_little_more_than_json_and_pydantic(civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world = World.large(models=100)
    with httpx2.Client() as http:
        page = http.get(f"{civitai_sandbox.url}/api/v1/models?limit=100").content
    assert ratios(page, rounds=30)["as handed out"] < PARSING
