"""A pause that the site asks of one transfer is kept by all who ask it; the storage is not waited for."""

from __future__ import annotations

from pathlib import Path

from civitai_kit.client.pacing import Pace
from civitai_kit.core.plans.order import Order
from civitai_kit.core.retry import RetryRules
from civitai_kit.testing import Sandbox
from civitai_kit.transfer.file.fetch import Fetcher


def test_a_pause_that_the_site_wants_of_a_download_holds_everybody(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    civitai_sandbox.faults.add("download_429", times=1, retry_after=1)
    held: list[float] = []

    class Watched(Pace):
        def hold(self, seconds: float) -> None:
            held.append(seconds)
            super().hold(seconds / 100)

    with Fetcher(
        site=civitai_sandbox.url,
        api_key=civitai_sandbox.api_key,
        user_agent="civitai-kit-test",
        timeout=5,
        retries=RetryRules(first_wait=0.001),
        sleep=lambda _: None,
        pace=Watched(),
    ) as fetcher:
        url = f"{civitai_sandbox.url}/api/download/models/100101?fileId=1001011"
        fetcher.fetch(Order(key="a", urls=(url,), target=tmp_path / "a.safetensors"), lambda _: None)
    assert held == [1.0]


def test_a_transfer_waits_out_a_pause_that_another_was_asked_for(civitai_sandbox: Sandbox, tmp_path: Path) -> None:
    asked: list[float] = []

    class Held(Pace):
        def held(self) -> float:
            asked.append(super().held())
            return asked[-1]

    pace = Held()
    pace.hold(0.2)
    with Fetcher(
        site=civitai_sandbox.url,
        api_key=civitai_sandbox.api_key,
        user_agent="civitai-kit-test",
        timeout=5,
        retries=RetryRules(),
        pace=pace,
    ) as fetcher:
        url = f"{civitai_sandbox.url}/api/download/models/100101?fileId=1001011"
        fetcher.fetch(Order(key="a", urls=(url,), target=tmp_path / "a.safetensors"), lambda _: None)
    assert len(asked) >= 2
    assert asked[0] > 0
    assert asked[-1] == 0
