"""Clients for the sandbox's own tests: one for the site that follows nothing, with and without the key."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from civitai_kit.testing import Sandbox

AGENT = {"User-Agent": "kit-test/1.0"}


@pytest.fixture
def site(civitai_sandbox: Sandbox) -> Iterator[httpx2.Client]:
    """Nobody in particular."""
    with httpx2.Client(base_url=civitai_sandbox.url, headers=AGENT, timeout=10, verify=False) as client:
        yield client


@pytest.fixture
def member(civitai_sandbox: Sandbox) -> Iterator[httpx2.Client]:
    """Somebody with the key."""
    headers = {**AGENT, "Authorization": f"Bearer {civitai_sandbox.api_key}"}
    with httpx2.Client(base_url=civitai_sandbox.url, headers=headers, timeout=10, verify=False) as client:
        yield client
