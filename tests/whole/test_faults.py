"""Every fault of the site, once and for good: a download ends sound, with the right file or with none and a reason."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.errors import CivitaiKitError, Code
from civitai_kit.testing import FAULTS, Known, Sandbox
from tests.services.collection import Collection

PLAIN = str(int(Known.PLAIN_LORA))
# Made small, so that the table takes seconds: what they are about is not the waiting.
PARAMS: dict[str, dict[str, Any]] = {
    "stall": {"at": 20_000, "seconds": 3},
    "cut": {"at": 20_000},
    "rate_limited": {"retry_after": 0},
    "overloaded": {"retry_after": 0},
    "download_429": {"retry_after": 0},
    "storage_429": {"retry_after": 0},
    "slow": {"delay": 0.05},
    "slow_body": {"delay": 0.05},
    "slow_start": {"delay": 0.05},
    "huge_body": {"size": 70_000_000},
}
# What the site says to everybody at once or for good is believed at its word, the first time.
FINAL = {
    "quota",
    "region_blocked",
    "unauthorized",
    "no_endpoint",
    "login_page",
    "download_html",
    "odd_shape",
    "foreign_redirect",
    "huge_body",
    "nan_json",
    "infinite_json",
    "big_number_json",
    "deep_json",
    "redirect_loop",
    "storage_404",
    "html_file",
    "json_file",
}


def end_of(collection: Collection) -> tuple[int, list[Code]]:
    """The exit code of a download and the codes of what failed, an error that ends the scan included."""
    try:
        report = collection.download(PLAIN, settings={"api_client_timeout_sec": 1})
    except CivitaiKitError as error:
        return error.exit_code, [error.code]
    failed = [failure.error.code for failure in report.failed] + [error.code for error in report.errors]
    return report.exit_code, failed


def right_file(collection: Collection) -> Path:
    item = collection.sandbox.world.models[Known.PLAIN_LORA].versions[0].files[0]
    paths = [collection.root / path for path in collection.files() if path.endswith(".safetensors")]
    assert len(paths) == 1
    assert hashlib.sha256(paths[0].read_bytes()).hexdigest() == item.body.digests["SHA256"].lower()
    return paths[0]


def assert_sound(collection: Collection, exit_code: int, codes: list[Code]) -> None:
    """Either all is well, or nothing lies under the final name and the store does not claim it does."""
    entry = collection.entry(100101)
    if exit_code == 0:
        right_file(collection)
        assert entry is not None
        assert entry.status is Status.DOWNLOADED
        return
    assert codes
    assert Code.UNFORESEEN not in codes
    assert not [path for path in collection.files() if path.endswith(".safetensors")]
    assert entry is None or entry.status is not Status.DOWNLOADED


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_survived_or_said(collection: Collection, name: str) -> None:
    collection.sandbox.faults.add(name, times=1, **PARAMS.get(name, {}))
    exit_code, codes = end_of(collection)
    assert_sound(collection, exit_code, codes)
    if name not in FINAL:
        assert exit_code == 0, codes


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_sound_and_the_next_run_without_it_succeeds(collection: Collection, name: str) -> None:
    collection.sandbox.faults.add(name, times=None, **PARAMS.get(name, {}))
    assert_sound(collection, *end_of(collection))
    collection.sandbox.faults.clear()
    exit_code, codes = end_of(collection)
    assert exit_code == 0, codes
    right_file(collection)


@pytest.fixture
def collection(civitai_sandbox: Sandbox, tmp_path: Path) -> Collection:
    """An empty save path over a fresh sandbox."""
    return Collection(civitai_sandbox, tmp_path / "save")
