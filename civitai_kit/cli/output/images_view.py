"""What came of asking for images, as a person reads it: a line a target, totals, reasons, and what brought nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from civitai_kit.cli.output.safe_text import cut, shown
from civitai_kit.cli.output.tables import table, wrapped
from civitai_kit.core.amounts import counted, shown_bytes
from civitai_kit.core.images.plan import ImagesPlan
from civitai_kit.core.images.prompts import Match
from civitai_kit.core.images.report import SOUND, ImagesReport, TargetReport, TargetStatus, Why
from civitai_kit.core.images.request import ImagesRequest

WORDS: dict[str, str] = {
    Why.HAVE: "already there",
    Why.GONE: "no longer on the site",
    Why.VIDEO: "videos, not wanted",
    Why.PICTURE: "pictures, not wanted",
    Why.AUDIO: "sounds",
    Why.PROMPT: "tag not in the prompt",
    Why.FILTER_TAGS: "filter tags missing",
    Why.MAX_PER_MODEL: "limit of the model reached",
    Why.NO_URL: "without an address",
    Why.NO_ID: "without an id",
    Why.PATH_TOO_LONG: "path too long",
}
STATUS_WORDS: dict[TargetStatus, str] = {
    TargetStatus.COMPLETED: "completed",
    TargetStatus.EMPTY: "completed, no images",
    TargetStatus.LIMIT_REACHED: "limit reached",
    TargetStatus.INCOMPLETE: "incomplete",
    TargetStatus.NOT_FOUND: "not found",
    TargetStatus.INVALID_TAG: "no such tag",
    TargetStatus.FAILED: "failed",
}
_HEAD = ("TARGET", "STATUS", "SEEN", "DOWNLOADED", "SKIPPED", "FAILED", "NO METADATA")
_PLAN_HEAD = ("TARGET", "STATUS", "SEEN", "WANTED", "SKIPPED")
_MOST_ROWS = 100
_MOST_PATHS = 30
_MOST_IDS = 20


def report_lines(report: ImagesReport, request: ImagesRequest) -> Iterator[str]:
    """The whole report; failures are errors and told as such, here they are counted."""
    rows = report.targets[:_MOST_ROWS]
    cells = [_cells(row) for row in rows]
    if len(report.targets) > 1:
        cells.append(
            ["in all", "", *(f"{sum(column):,}" for column in zip(*map(_counts, report.targets), strict=True))]
        )
    yield from table(_HEAD, cells, flexible=0, right=range(2, 7))
    if len(report.targets) > _MOST_ROWS:
        yield f"… and {len(report.targets) - _MOST_ROWS:,} more targets"
    yield ""
    linked = f", {report.linked:,} of them from files that are here" if report.linked else ""
    yield f"Downloaded {counted(report.downloaded, 'image')}, {shown_bytes(report.bytes)}{linked}."
    yield from _metadata_lines(report)
    yield from _reason_lines(report)
    yield from _filter_lines(report, request)
    yield from _limit_lines(report, request)
    yield from _target_lines(report)


def plan_lines(plan: ImagesPlan, place: str, free: int | None) -> Iterator[str]:
    """What would be fetched: the first paths by name, a line a target, totals and reasons."""
    for item in plan.items[:_MOST_PATHS]:
        yield shown(item.path)
    if len(plan.items) > _MOST_PATHS:
        yield f"… and {len(plan.items) - _MOST_PATHS:,} more images"
    if plan.items:
        yield ""
    wanted = plan.wanted_of
    cells = [
        [
            cut(shown(row.target), 60),
            STATUS_WORDS[row.status],
            *(f"{n:,}" for n in (row.seen, wanted[row.target], row.skipped)),
        ]
        for row in plan.targets[:_MOST_ROWS]
    ]
    yield from table(_PLAN_HEAD, cells, flexible=0, right=range(2, 5))
    if len(plan.targets) > _MOST_ROWS:
        yield f"… and {len(plan.targets) - _MOST_ROWS:,} more targets"
    yield ""
    yield from _plan_summary(plan, place, free)
    yield from _reason_rows(plan.reasons, "Skipped")


def _plan_summary(plan: ImagesPlan, place: str, free: int | None) -> Iterator[str]:
    if not plan.items:
        yield "Nothing to fetch."
        return
    linked = plan.linked
    to_link = f", {len(linked):,} of them by a link to the same bytes" if linked else ""
    yield from wrapped(f"{counted(len(plan.items), 'image')} to put in place{to_link}, in {shown(place)}")
    room = "" if free is None else f" {shown_bytes(free)} are free there."
    yield f"The site lists no sizes.{room}"


def _cells(row: TargetReport) -> list[str]:
    return [cut(shown(row.target), 60), STATUS_WORDS[row.status], *(f"{count:,}" for count in _counts(row))]


def _counts(row: TargetReport) -> tuple[int, ...]:
    return row.seen, row.downloaded, row.skipped, row.failed, row.no_metadata


def _metadata_lines(report: ImagesReport) -> Iterator[str]:
    without = sum(row.no_metadata for row in report.targets)
    if without:
        yield f"{counted(without, 'image')} came without generation data."


def _reason_lines(report: ImagesReport) -> Iterator[str]:
    yield from _reason_rows(report.reasons, "Skipped or failed")
    if report.failed:
        ids = ", ".join(str(one.image_id) for one in report.failed[:_MOST_IDS])
        more = f" and {len(report.failed) - _MOST_IDS:,} more" if len(report.failed) > _MOST_IDS else ""
        yield f"Failed images: {ids}{more}"


def _reason_rows(counts: Mapping[str, int], what: str) -> Iterator[str]:
    reasons = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if reasons:
        yield f"{what} {sum(counts.values()):,}:"
    for reason, number in reasons:
        yield f"  {number:>7,}  {WORDS.get(reason, reason.replace('_', ' '))}"


def _filter_lines(report: ImagesReport, request: ImagesRequest) -> Iterator[str]:
    if request.filter_tags:
        by_tag, by_prompt = report.matches.get(Match.TAG, 0), report.matches.get(Match.PROMPT, 0)
        yield f"Passed the filter tags: {by_tag:,} by their own tags, {by_prompt:,} by words of the prompt."


def _limit_lines(report: ImagesReport, request: ImagesRequest) -> Iterator[str]:
    if request.limit:
        reached = "reached" if report.downloaded >= request.limit else "not reached"
        yield f"Limit {report.downloaded:,} of {request.limit:,}, {reached}."


def _target_lines(report: ImagesReport) -> Iterator[str]:
    failed = [shown(row.target) for row in report.targets if row.status not in SOUND]
    if failed:
        yield f"Targets that failed: {', '.join(failed)}"
    barren = [shown(row.target) for row in report.targets if row.status in SOUND and not row.downloaded]
    if barren:
        yield f"Targets that brought nothing new: {', '.join(barren)}"
    for row in report.targets:
        if row.summary is not None:
            yield f"Summary of {shown(row.target)}: {shown(row.summary)}"
