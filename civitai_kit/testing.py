"""The sandbox for tests: a context manager, and a pytest fixture `civitai_sandbox`.

Use the fixture with `pytest_plugins = ["civitai_kit.testing"]` in a `conftest.py`. It needs the extra `testing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from civitai_kit.kit.extras import adding

try:
    import pytest

    from civitai_kit.sandbox.faults import FAULTS, FaultBox
    from civitai_kit.sandbox.serve import Sandbox, running
    from civitai_kit.sandbox.state import RequestRecord
    from civitai_kit.sandbox.worlds.records import WorldFile, WorldImage, WorldModel, WorldPaidAccess, WorldVersion
    from civitai_kit.sandbox.worlds.standard import Known
    from civitai_kit.sandbox.worlds.world import World
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"civitai_kit.testing needs {error.name}, which is not installed: {adding('testing')}", name=error.name
    ) from error

__all__ = [
    "FAULTS",
    "FaultBox",
    "Known",
    "RequestRecord",
    "Sandbox",
    "World",
    "WorldFile",
    "WorldImage",
    "WorldModel",
    "WorldPaidAccess",
    "WorldVersion",
    "civitai_sandbox",
    "sandbox",
]


@contextmanager
def sandbox(world: World | None = None, *, host: str = "127.0.0.1") -> Iterator[Sandbox]:
    """A pretend Civitai on free ports that serves from this process until the block ends."""
    with running(world, host=host) as served:
        yield served


@pytest.fixture(scope="session")
def _civitai_sandbox_server() -> Iterator[Sandbox]:
    with sandbox() as served:
        yield served


@pytest.fixture
def civitai_sandbox(_civitai_sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """A sandbox as new for every test: standard world, no faults, no requests."""
    _civitai_sandbox_server.reset()
    yield _civitai_sandbox_server
    _civitai_sandbox_server.faults.clear()
