"""The faults of the real site, one row each, and the box from which the pretend site takes its next ones."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Where = Literal["site", "download", "storage"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong: where it strikes, what it does, and the parameters it knows with their defaults."""

    name: str
    where: Where
    sentence: str
    params: dict[str, float | int | str] = field(default_factory=dict)
    replaces: bool = True
    """Whether the whole answer is replaced; otherwise the fault can join others on one answer."""


_ROWS = (
    Fault("rate_limited", "site", "429 with Retry-After.", {"retry_after": 1}),
    Fault("rate_limited_bare", "site", "429 without Retry-After, as an HTML page of the edge."),
    Fault("overloaded", "site", "503 as JSON with Retry-After.", {"retry_after": 2}),
    Fault("server_error", "site", "500 as JSON."),
    Fault("bad_gateway", "site", "502 as an HTML page."),
    Fault("gateway_timeout", "site", "524 as an HTML page."),
    Fault("cloudflare_403", "site", "403 as an HTML page that asks whether you are human."),
    Fault("html_200", "site", "An HTML page with status 200 instead of JSON."),
    Fault("login_page", "site", "A redirect to the login page, which is HTML with status 200."),
    Fault("no_endpoint", "site", "404 as an HTML page, as where a site has no such endpoint."),
    Fault("empty_499", "site", "499 without a body."),
    Fault("region_blocked", "site", "451 as JSON, as in a country that is refused."),
    Fault("unauthorized", "site", "401 as JSON, as if the key had been withdrawn."),
    Fault("broken_json", "site", "JSON with a key gone and a comma too many."),
    Fault("nan_json", "site", "JSON holding NaN."),
    Fault("infinite_json", "site", "JSON holding 1e400."),
    Fault("big_number_json", "site", "JSON holding an integer of five thousand digits."),
    Fault("deep_json", "site", "JSON nested a hundred thousand levels deep.", {"levels": 100_000}),
    Fault("odd_shape", "site", "Good JSON of a shape that no endpoint has."),
    Fault("huge_body", "site", "JSON that goes on for `size` bytes.", {"size": 200_000_000}),
    Fault("foreign_redirect", "site", "A redirect to the other host, to see whether the key follows."),
    Fault("reset", "site", "The connection is reset before any answer."),
    Fault("slow", "site", "The right answer after `delay` seconds.", {"delay": 1.0}),
    Fault("slow_body", "site", "The right answer's headers at once, its body after `delay` seconds.", {"delay": 1.0}),
    Fault("truncated_json", "site", "The right answer cut in the middle, with a length that fits the half."),
    Fault("cut_json", "site", "The right answer's length, half its bytes, then the connection closes."),
    Fault("cursor_cycle", "site", "The right answer with a cursor that leads to the same page again."),
    Fault("empty_page", "site", "The right answer with its items gone and its cursor kept."),
    Fault("blank_page", "site", "The right answer with items and cursor gone, as when the site runs out of time."),
    Fault("download_404", "download", "404 although the file exists, as when the storage could not sign."),
    Fault("download_500", "download", "500 as JSON."),
    Fault("download_429", "download", "429 of the edge.", {"retry_after": 1}),
    Fault("quota", "download", "429 that says the account downloads too much."),
    Fault("download_html", "download", "The login page with status 200 instead of a redirect."),
    Fault("cut", "storage", "The connection closes after byte `at` of the body.", {"at": 1000}, False),
    Fault("stall", "storage", "Nothing more comes after byte `at` for `seconds`.", {"at": 1000, "seconds": 60}, False),
    Fault("throttle", "storage", "This connection gets `rate` bytes a second.", {"rate": 100_000}, False),
    Fault("slow_start", "storage", "The headers come after `delay` seconds.", {"delay": 1.0}, False),
    Fault("ignore_range", "storage", "200 with the whole file although a range was asked for.", {}, False),
    Fault(
        "wrong_length",
        "storage",
        "Content-Length is off by `by` bytes, then the connection closes.",
        {"by": 100},
        False,
    ),
    Fault("no_content_length", "storage", "The body comes in chunks and its length is not said.", {}, False),
    Fault("no_etag", "storage", "The answer has no ETag.", {}, False),
    Fault("weak_etag", "storage", "The ETag is a weak one, which If-Range may not use.", {}, False),
    Fault(
        "ignore_conditions",
        "storage",
        "200 with the whole file under its right ETag although a range was asked for under a condition.",
        {},
        False,
    ),
    Fault("node_etags", "storage", "The ETag is another one with every answer, as from nodes that differ.", {}, False),
    Fault("odd_etag", "storage", "The ETag and the date hold bytes that no request can carry back.", {}, False),
    Fault("changed", "storage", "The file is another one: ETag and bytes differ.", {}, False),
    Fault("wrong_bytes", "storage", "The bytes are wrong under the right ETag and length.", {}, False),
    Fault("wrong_range", "storage", "206 with a Content-Range that starts `by` bytes later.", {"by": 1}, False),
    Fault("expired", "storage", "403 XML, as when the signature has run out."),
    Fault("html_file", "storage", "The login page with status 200 instead of the file."),
    Fault("json_file", "storage", "An error as JSON with status 200 instead of the file."),
    Fault("range_416", "storage", "416 whatever was asked for."),
    Fault("storage_404", "storage", "404 XML: the object is gone."),
    Fault("storage_429", "storage", "429, as the image host answers to bulk.", {"retry_after": 1}),
    Fault("storage_500", "storage", "500 XML."),
    Fault("storage_503", "storage", "503 XML that says to slow down."),
    Fault("redirect_chain", "storage", "`hops` more redirects before the file.", {"hops": 3}),
    Fault("redirect_loop", "storage", "A redirect to the same place."),
    Fault("storage_reset", "storage", "The connection is reset before any answer."),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ROWS}
"""Every fault by name."""


@dataclass(slots=True)
class Pending:
    """A fault that waits for `left` requests; None stands for all."""

    fault: Fault
    left: int | None
    match: str
    params: dict[str, Any]

    @property
    def name(self) -> str:
        """The fault's name."""
        return self.fault.name

    def number(self, key: str) -> float:
        """A parameter as a number."""
        return float(self.params[key])


class FaultBox:
    """The faults to come; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[Pending] = []

    def add(self, name: str, times: int | None = 1, match: str = "", **params: Any) -> None:
        """Let the next `times` requests (None: all) whose path and query hold `match` meet the fault.

        Raises ValueError for a fault or parameter that does not exist.
        """
        fault = FAULTS.get(name)
        if fault is None:
            raise ValueError(f"there is no fault {name!r}; there are: {', '.join(FAULTS)}")
        unknown = set(params) - set(fault.params)
        if unknown:
            raise ValueError(f"fault {name!r} knows {sorted(fault.params)}, not {sorted(unknown)}")
        with self._lock:
            self._pending.append(Pending(fault, times, match, {**fault.params, **params}))

    def clear(self) -> None:
        """Drop all that wait."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[Pending]:
        """The faults that still wait."""
        with self._lock:
            return list(self._pending)

    def take(self, where: Where, target: str) -> list[Pending]:
        """The faults that the request for `target` (path and query) meets, counted down.

        A fault that replaces the answer comes alone; of the others, at most one of each name applies.
        """
        taken: list[Pending] = []
        with self._lock:
            for pending in list(self._pending):
                if not self._strikes(pending, where, target):
                    continue
                if pending.fault.replaces and taken:
                    break
                if pending.name not in {other.name for other in taken}:
                    taken.append(pending)
                    self._count_down(pending)
                if pending.fault.replaces:
                    break
        return taken

    @staticmethod
    def _strikes(pending: Pending, where: Where, target: str) -> bool:
        place = pending.fault.where
        return (place == where or (place == "site" and where == "download")) and pending.match in target

    def _count_down(self, pending: Pending) -> None:
        if pending.left is None:
            return
        pending.left -= 1
        if pending.left <= 0:
            self._pending.remove(pending)


def parse_fault(text: str) -> tuple[str, int | None, dict[str, Any]]:
    """`NAME[:TIMES][:KEY=NUMBER…]` as name, times (`*` is None, for ever) and parameters; ValueError otherwise."""
    name, *rest = text.split(":")
    times: int | None = 1
    params: dict[str, Any] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            params[key] = float(value) if "." in value else int(value)
        else:
            times = None if part == "*" else int(part)
    return name, times, params
