"""What the client costs in processor time, held against bars."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from time import thread_time
from typing import Any

import httpx2
import pytest

from civitai_kit import Client, Model
from civitai_kit.testing import Sandbox, World

IMPORT_SECONDS, MAKE_SECONDS, PARSING = 0.020, 0.150, 1.3


def least(*works: Callable[[], Any], tries: int = 40) -> list[float]:
    """The least processor time of each work, taken in turns: what else the machine does only adds.

    Of this thread alone, for the sandbox works in the same process.
    """
    found: list[list[float]] = [[] for _ in works]
    for _ in range(tries):
        for times, work in zip(found, works, strict=True):
            start = thread_time()
            work()
            times.append(thread_time() - start)
    return [min(times) for times in found]


def told(program: str) -> float:
    """The least number that a program prints in three fresh interpreters."""
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        for _ in range(3)
    ]
    return min(float(run.stdout) for run in runs)


def test_the_import_costs_next_to_nothing() -> None:
    program = "from time import process_time as now; a = now(); import civitai_kit; print(now() - a)"
    assert told(program) < IMPORT_SECONDS


def test_a_client_is_soon_made() -> None:
    program = (
        "from time import process_time as now; from civitai_kit import Client; a = now(); Client(); print(now() - a)"
    )
    assert told(program) < MAKE_SECONDS


@pytest.fixture
def page(civitai_sandbox: Sandbox) -> bytes:
    """A page of a hundred models of 11 kB each."""
    civitai_sandbox.world = World.large(models=100)
    with httpx2.Client() as http:
        return http.get(f"{civitai_sandbox.url}/api/v1/models?limit=100").content


def test_a_page_of_a_hundred_models_costs_little_more_than_json_and_pydantic(page: bytes) -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, content=page)))
    with Client(http=http) as client:

        def ours() -> int:
            return sum(len(model.versions) for model in client.models_page().items)

        def bare() -> int:
            rows = json.loads(http.get("https://civitai.com/").content)["items"]
            return sum(len(Model.model_validate(row).versions) for row in rows)

        assert ours() == bare() == 100
        with_client, without = least(ours, bare)
        assert with_client < PARSING * without
