"""What another program wants downloaded, and how far that is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from civitai_kit.core.amounts import counted
from civitai_kit.core.errors import CivitaiKitError, Code, UsageError
from civitai_kit.core.events import Event, FileDone, FileFailed, FileKept
from civitai_kit.core.plans.plan import Item, Plan
from civitai_kit.core.plans.plan_file import plan_of
from civitai_kit.core.plans.report import Report
from civitai_kit.core.remedies import with_remedy
from civitai_kit.core.site.references import LARGEST_ID, Reference, ReferenceKind, parse_reference
from civitai_kit.core.under_way import State

# So many errors and paths of one download are told; the others are counted.
_MOST_ERRORS = 20
_MOST_PATHS = 20
# What a download that was stopped ends with: it was interrupted, or waited for the lock until then.
_OF_A_STOP = (Code.INTERRUPTED, Code.STORE_LOCKED)


class DownloadStatus(StrEnum):
    """Where a download stands; the last three are its end. `failed` may have got some of its files."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_end(self) -> bool:
        """Whether nothing more will happen."""
        return self in (DownloadStatus.DONE, DownloadStatus.FAILED, DownloadStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class DownloadOrder:
    """What is wanted: something named, or the items of a saved plan; `text` says it to people."""

    text: str
    reference: Reference | None = None
    plan: Plan | None = None

    def version_ids(self) -> set[int]:
        """The versions that are wanted, as far as that is known before the site is asked."""
        if self.plan is not None:
            return {item.version_id for item in self.plan.items}
        named = self.reference.version_id if self.reference else None
        return set() if named is None else {named}


def read_order(wanted: Any, site: str, places: tuple[str, ...]) -> DownloadOrder:
    """The order in a request: `{"ref": "…"}`, `{"version_id": 5}` or `{"plan": {…}}`; raises UsageError.

    `site` is the site's root, `places` what is ours under the save path.
    """
    if not isinstance(wanted, dict) or len(wanted) != 1 or not wanted.keys() <= _READ.keys():
        raise UsageError("A download is asked for by one of ref, version_id and plan.", hint=f"For example {_EXAMPLE}.")
    [(name, value)] = wanted.items()
    return _READ[name](value, site, places)


def _of_ref(value: Any, site: str, places: tuple[str, ...]) -> DownloadOrder:
    if not isinstance(value, str):
        raise UsageError("ref is a text: a page of the site, an AIR, a download URL or a model's id.")
    reference = parse_reference(value, site=site)
    if reference.kind in (ReferenceKind.IMAGE, ReferenceKind.POST):
        raise UsageError(f"{reference.text!r} is no model.", hint="`civitai-kit images` fetches images.")
    return DownloadOrder(reference.text, reference)


def _of_version(value: Any, site: str, places: tuple[str, ...]) -> DownloadOrder:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_ID:
        raise UsageError(f"version_id is a whole number from 1 to {LARGEST_ID}.")
    return DownloadOrder(f"version {value}", Reference(ReferenceKind.VERSION, version_id=value, text=str(value)))


def _of_plan(value: Any, site: str, places: tuple[str, ...]) -> DownloadOrder:
    plan = plan_of(value, "The plan", places)
    if not plan.items:
        raise UsageError("The plan has no items.")
    return DownloadOrder(f"a plan of {counted(len(plan.items), 'file')}", plan=plan)


_READ: Mapping[str, Callable[[Any, str, tuple[str, ...]], DownloadOrder]] = {
    "ref": _of_ref,
    "version_id": _of_version,
    "plan": _of_plan,
}
_EXAMPLE = '{"ref": "https://civitai.com/models/1?modelVersionId=2"}'


@dataclass(slots=True)
class OrderedDownload:
    """One order of the queue; `revision` grows with each change of it."""

    number: int
    order: DownloadOrder
    status: DownloadStatus = DownloadStatus.QUEUED
    revision: int = 0
    state: State = field(default_factory=State)
    stop: threading.Event = field(default_factory=threading.Event)
    errors: list[dict[str, Any]] = field(default_factory=list)
    items: Mapping[str, Item] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    skips: Mapping[str, int] = field(default_factory=dict)
    name: str | None = None
    saved: list[str] = field(default_factory=list)

    def take_plan(self, plan: Plan) -> None:
        """Note which files it will be."""
        self.items = {item.path: item for item in plan.items}
        self.skips = {str(reason): number for reason, number in plan.skip_counts().items()}
        self.name = _name_of(plan.items)

    def take(self, event: Event, now: float) -> None:
        """Bring it up to date."""
        self.state.take(event, now)
        if isinstance(event, FileDone | FileKept | FileFailed):
            self.settled.add(event.key)
        if isinstance(event, FileDone | FileKept) and len(self.saved) < _MOST_PATHS:
            self.saved.append(event.key)

    def end(self, outcome: Report | CivitaiKitError) -> None:
        """Note what became of it; the plan is let go."""
        if isinstance(outcome, Report):
            rows, self.status = outcome.error_rows(), _status_of(outcome)
        else:
            rows = [outcome.as_row()]
            self.status = DownloadStatus.STOPPED if self.stop.is_set() else DownloadStatus.FAILED
        told = _OF_A_STOP if self.status is DownloadStatus.STOPPED else ()
        self.errors = [with_remedy(row) for row in rows if row["code"] not in told]
        self.items, self.settled = {}, set()
        self.order = DownloadOrder(self.order.text, self.order.reference)

    def version_ids(self) -> set[int]:
        """The versions that it will still fetch."""
        if self.status.is_end:
            return set()
        if not self.items:
            return self.order.version_ids()
        return {item.version_id for path, item in self.items.items() if path not in self.settled}

    def as_row(self, now: float) -> dict[str, Any]:
        """It for another program."""
        named = self.order.reference
        return {
            "id": self.number,
            "revision": self.revision,
            "ref": self.order.text,
            "name": self.name,
            "model_id": named.model_id if named else None,
            "version_id": named.version_id if named else None,
            "status": str(self.status),
            "files": self.state.files,
            "finished": self.state.finished - self.state.failed,
            "failed": self.state.failed,
            "skipped": sum(self.skips.values()),
            "skips": {**self.skips},
            "done": self.state.done_bytes,
            "size": self.state.size,
            "speed": 0 if self.status.is_end else round(self.state.pace.speed(now)),
            "waits": None if self.status.is_end else self.state.pause or None,
            "moving": [self._moving_row(path, now) for path in self.state.moving],
            "saved": [*self.saved],
            "errors": self.errors[:_MOST_ERRORS],
        }

    def _moving_row(self, path: str, now: float) -> dict[str, Any]:
        file, item = self.state.moving[path], self.items.get(path)
        return {
            "path": path,
            "model_id": item.model_id if item else None,
            "version_id": item.version_id if item else None,
            "file_id": item.file_id if item else None,
            "done": file.done,
            "size": file.size,
            "speed": round(file.pace.speed(now)),
            "waits": file.waits or None,
        }


def _name_of(items: Sequence[Item]) -> str | None:
    """What a reader calls it: its version, where it is of one; None where it is of several."""
    names = {f"{item.model_name}, {item.version_name}" for item in items}
    return names.pop() if len(names) == 1 else None


def _status_of(report: Report) -> DownloadStatus:
    if report.was_stopped:
        return DownloadStatus.STOPPED
    return DownloadStatus.FAILED if report.exit_code else DownloadStatus.DONE
