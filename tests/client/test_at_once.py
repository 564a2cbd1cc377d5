"""Many at once over one client: threads, tasks, and a task that is given up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from civitai_kit import AsyncClient, Client
from civitai_kit.testing import Known, Sandbox
from tests.client.conftest import SWIFT

IDS = [Known.PLAIN_LORA, Known.FLUX, Known.LOCON, Known.DORA] * 5


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The two kinds of event loop."""
    return str(request.param)


def test_threads_share_a_client(civitai_sandbox: Sandbox) -> None:
    with Client(base_url=civitai_sandbox.url, retry=SWIFT) as client, ThreadPoolExecutor(8) as threads:
        assert [model.id for model in threads.map(client.model, IDS)] == IDS


def test_tasks_share_a_client_and_do_not_wait_for_each_other(civitai_sandbox: Sandbox, backend: str) -> None:
    civitai_sandbox.faults.add("slow", times=None, delay=0.5)
    found: list[int | None] = []

    async def ask(client: AsyncClient, number: int) -> None:
        found.append((await client.model(number)).id)

    async def main() -> None:
        async with AsyncClient(base_url=civitai_sandbox.url, retry=SWIFT) as client, anyio.create_task_group() as tasks:
            for number in IDS[:8]:
                tasks.start_soon(ask, client, number)

    anyio.run(main, backend=backend)
    starts = [request.started for request in civitai_sandbox.requests]
    assert max(starts) - min(starts) < 0.5  # the last was asked before the first was answered
    assert sorted(number or 0 for number in found) == sorted(IDS[:8])


def test_a_task_that_is_given_up_leaves_the_client_usable(civitai_sandbox: Sandbox, backend: str) -> None:
    civitai_sandbox.faults.add("slow", delay=10.0)

    async def main() -> int | None:
        async with AsyncClient(base_url=civitai_sandbox.url, retry=SWIFT) as client:
            with anyio.move_on_after(0.1):
                await client.model(Known.PLAIN_LORA)
            return (await client.model(Known.FLUX)).id

    assert anyio.run(main, backend=backend) == Known.FLUX


def test_a_listing_left_early_leaves_the_client_usable(civitai_sandbox: Sandbox, backend: str) -> None:
    async def main() -> int | None:
        async with AsyncClient(base_url=civitai_sandbox.url, retry=SWIFT) as client:
            async for _ in client.models(limit=2):
                break
            return (await client.model(Known.FLUX)).id

    assert anyio.run(main, backend=backend) == Known.FLUX
    assert len(civitai_sandbox.requests) == 2
