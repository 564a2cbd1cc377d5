"""Retries, pace, hooks and spans of a client are its user's to choose; none of them hears a secret."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from civitai_kit import (
    Client,
    FailedTry,
    NotFound,
    Pace,
    PacePolicy,
    RateLimited,
    RetryPolicy,
    RetryRules,
    Trouble,
    Unavailable,
    UsageError,
)
from civitai_kit.testing import Known
from tests.client.conftest import SWIFT, Asking


class Patient:
    """Tries five times, soon, whatever happens."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.seen: list[FailedTry] = []

    def wait(self, failed: FailedTry) -> float | None:
        """The same each time."""
        self.seen.append(failed)
        return self.seconds if failed.tried < 5 else None


def test_a_policy_of_ones_own_decides_on_every_failed_try(asking: Asking) -> None:
    policy = Patient()
    asking.sandbox.faults.add("rate_limited", times=3, retry_after=200)
    asking.sandbox.faults.add("unauthorized", times=1)
    assert asking.ask(lambda client: client.model(Known.FLUX), retry=policy).id == Known.FLUX
    assert [failed.tried for failed in policy.seen] == [1, 2, 3, 4]
    assert [failed.trouble for failed in policy.seen] == [Trouble.TOO_FAST] * 3 + [Trouble.REFUSED]
    first = policy.seen[0]
    assert first.retry_after == 200 and isinstance(first.error, RateLimited) and 0 <= first.chance <= 1


def test_a_policy_that_gives_up_has_the_error_raised(asking: Asking) -> None:
    asking.sandbox.faults.add("server_error", times=None)
    with pytest.raises(Unavailable) as caught:
        asking.ask(lambda client: client.model(Known.FLUX), retry=Patient())
    assert "Asked 5 times." in str(caught.value.hint) and len(asking.sandbox.requests) == 5


def test_the_usual_rules_are_a_policy_too() -> None:
    rules: RetryPolicy = RetryRules(max_retries=2, first_wait=3)
    error = Unavailable("down")
    waits = [rules.wait(FailedTry(error=error, trouble=Trouble.BUSY, tried=tried)) for tried in (1, 2, 3)]
    assert waits == [3, 6, None]
    assert rules.wait(FailedTry(error=error, trouble=Trouble.TOO_FAST, tried=1, retry_after=7)) == 7


class Saying:
    """A policy of either kind that says something else than seconds."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def wait(self, failed: FailedTry) -> Any:
        """What cannot be waited."""
        return self.said

    def reserve(self) -> Any:
        """The same."""
        return self.said

    def hold(self, seconds: float) -> None:
        """As it likes."""


@pytest.mark.parametrize("said", ["1", float("nan"), True, [1]], ids=repr)
def test_a_policy_that_says_nonsense_is_named(asking: Asking, said: Any) -> None:
    asking.sandbox.faults.add("server_error", times=None)
    for name in ("retry", "pace"):
        options: Any = {name: Saying(said)}
        with pytest.raises(UsageError, match="is seconds, not"):
            asking.ask(lambda client: client.model(Known.FLUX), **options)


def test_a_policy_that_raises_ends_a_question_and_a_download_with_what_it_raised(
    asking: Asking, tmp_path: Path
) -> None:
    class Broken(Saying):
        def wait(self, failed: FailedTry) -> Any:
            raise LookupError("mine")

    asking.sandbox.faults.add("server_error", times=None)
    for use in (methodcaller("model", Known.FLUX), methodcaller("download", Known.FLUX * 100 + 1, tmp_path)):
        with pytest.raises(LookupError, match="mine"):
            asking.ask(use, asking.sandbox.api_key, retry=Broken(0))


@pytest.mark.parametrize(
    "made",
    [
        lambda: RetryRules(max_retries="3"),  # type: ignore[arg-type]
        lambda: RetryRules(first_wait=float("nan")),
        lambda: Pace("0.5"),  # type: ignore[arg-type]
    ],
)
def test_rules_without_numbers_are_refused(made: Any) -> None:
    with pytest.raises(UsageError):
        made()


class Metronome:
    """Lets everybody start, and hears of pauses."""

    def __init__(self) -> None:
        self.starts, self.pauses = 0, [0.0]

    def reserve(self) -> float:
        """Now."""
        self.starts += 1
        return 0.0

    def hold(self, seconds: float) -> None:
        """Noted."""
        self.pauses.append(seconds)


def test_a_pace_of_ones_own_is_asked_before_every_request_and_told_of_pauses(asking: Asking) -> None:
    pace = Metronome()
    policy: PacePolicy = pace
    asking.sandbox.faults.add("rate_limited", times=1, retry_after=0)
    asking.ask(lambda client: client.model(Known.FLUX), pace=policy)
    assert (pace.starts, pace.pauses) == (2, [0.0, 0.0])


def test_a_download_follows_the_policy_the_pace_and_the_hook_of_its_client(asking: Asking, tmp_path: Path) -> None:
    policy, pace, waits = Patient(0.01), Metronome(), list[float]()
    asking.sandbox.faults.add("download_429", times=3, retry_after=200)
    asking.sandbox.faults.add("storage_404", times=1)
    hooks = {"retry": policy, "pace": pace, "on_wait": lambda seconds, why: waits.append(seconds)}
    version = asking.ask(lambda client: client.version(Known.PLAIN_LORA * 100 + 1))
    done = asking.ask(lambda client: client.download(version, tmp_path), asking.sandbox.api_key, **hooks)
    assert done.size == done.path.stat().st_size
    assert [(failed.tried, failed.trouble) for failed in policy.seen] == [
        *[(tried, Trouble.TOO_FAST) for tried in (1, 2, 3)],
        (4, Trouble.NO_SUCH_FILE),
    ]
    assert policy.seen[0].retry_after == 200 and isinstance(policy.seen[0].error, RateLimited)
    assert (waits, pace.pauses, pace.starts) == ([0.01] * 4, [0.0, 0.01, 0.01, 0.01], 5)


def test_a_pace_keeps_requests_apart(asking: Asking) -> None:
    asking.ask(lambda client: client.models(limit=10), pace=Pace(0.1))
    starts = [request.started for request in asking.sandbox.requests]
    assert starts[-1] - starts[0] > 0.08 * (len(starts) - 1) > 0


# -- spans ----------------------------------------------------------------------------------------------------

EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    """OpenTelemetry takes one provider a process, for good."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(made)
    return made


@pytest.fixture
def spans(provider: TracerProvider) -> Iterator[InMemorySpanExporter]:
    """What was traced in this test."""
    EXPORTER.clear()
    yield EXPORTER
    EXPORTER.clear()


def told(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes."""
    return dict(span.attributes or {})


def test_each_request_is_a_span_within_the_current_one(asking: Asking, spans: InMemorySpanExporter) -> None:
    asking.sandbox.faults.add("server_error", times=1)
    with trace.get_tracer("a program").start_as_current_span("look"):
        asking.ask(lambda client: client.model(Known.FLUX))
    failed, good, outer = spans.get_finished_spans()
    assert (failed.name, good.name) == ("GET /api/v1/models/{id}",) * 2
    assert [told(span)["http.response.status_code"] for span in (failed, good)] == [500, 200]
    assert [span.status.is_ok for span in (failed, good)] == [False, True]
    assert good.parent is not None and outer.context is not None and good.parent.span_id == outer.context.span_id
    assert told(good)["url.full"] == f"{asking.sandbox.url}/api/v1/models/{Known.FLUX}"


def test_no_span_holds_the_key(asking: Asking, spans: InMemorySpanExporter) -> None:
    asking.ask(lambda client: client.model(Known.FLUX), asking.sandbox.api_key)
    who, asked = spans.get_finished_spans()
    assert who.name == "GET /healthz"
    assert asking.sandbox.api_key not in who.to_json() + asked.to_json()


def test_a_request_without_an_answer_is_a_failed_span(spans: InMemorySpanExporter) -> None:
    def silent(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("silent", request=request)

    http = httpx2.Client(transport=httpx2.MockTransport(silent))
    with Client(http=http, retry=RetryRules(max_retries=0)) as client, pytest.raises(Unavailable):
        client.version_by_hash("A" * 64)
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /api/v1/model-versions/by-hash/{id}"
    assert told(span)["error.type"] == "network" and not span.status.is_ok


def test_without_opentelemetry_nothing_is_traced_and_nothing_is_missing() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
import httpx2
from civitai_kit import Client
answer = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"id": 5}))
print(Client(http=httpx2.Client(transport=answer)).model(5).id)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("5\n", "")


def test_hooks_hear_of_everything_but_secrets(asking: Asking) -> None:
    said: list[Any] = []
    asking.sandbox.faults.add("server_error", times=1)
    with pytest.raises(NotFound):
        asking.ask(
            lambda client: client.model(987654),
            asking.sandbox.api_key,
            retry=SWIFT,
            log=said.append,
            on_wait=lambda seconds, why: said.append((seconds, why)),
        )
    _, first, pause, second = said
    assert (first.status, pause[1], second.status) == (500, "An unexpected error occurred", 404)
    assert first.request_headers["authorization"] == "…" and asking.sandbox.api_key not in str(said)
