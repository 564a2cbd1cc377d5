"""What the tests of the services share."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.services.collection import Collection


@pytest.fixture
def collection(civitai_sandbox: Sandbox, tmp_path: Path) -> Collection:
    """An empty save path over a fresh sandbox."""
    return Collection(civitai_sandbox, tmp_path / "save")
