"""A plan and a report as a person reads them: what would be fetched, how much, whether it fits, what is passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from civitai_kit.cli.output.safe_text import cut, shown
from civitai_kit.cli.output.tables import table, wrapped
from civitai_kit.core.amounts import counted, shown_bytes
from civitai_kit.core.codes import Code
from civitai_kit.core.plans.plan import Item, Plan, Reason, Skip

if TYPE_CHECKING:
    from civitai_kit.core.plans.report import Report

MOST_ROWS = 30
HEAD = ("SIZE", "TYPE", "BASE MODEL", "MODEL", "VERSION", "VARIANT", "FILE")

WORDS: dict[Reason, str] = {
    Reason.HAVE: "already there",
    Reason.BASE_MODEL: "another base model",
    Reason.TYPE: "another type",
    Reason.TAG: "tags",
    Reason.CREATOR: "creator",
    Reason.FILE_NAME: "file name ignored",
    Reason.FILE_TYPE: "another file type",
    Reason.NOT_PRIMARY: "not the primary file",
    Reason.NOT_PRUNED: "not pruned",
    Reason.NOT_FP16: "not fp16",
    Reason.FORMAT: "another format",
    Reason.SIZE: "size",
    Reason.UNSAFE: "unsafe by the site's scan (--allow-unsafe)",
    Reason.EARLY_ACCESS: "early access (--early-access)",
    Reason.NOT_DOWNLOADABLE: "not for download",
    Reason.PRIVATE: "private",
    Reason.ARCHIVED: "archived",
    Reason.TAKEN_DOWN: "taken down",
    Reason.NO_FILES: "no files",
    Reason.DUPLICATE: "twice in this plan",
}


def plan_lines(plan: Plan, save_path: str, free: int | None) -> list[str]:
    """The whole plan; at most MOST_ROWS of its files by name."""
    lines: list[str] = []
    if plan.items:
        lines += [*_table(plan.items[:MOST_ROWS]), *_more(len(plan.items) - MOST_ROWS, "files"), ""]
    lines.append(summary(plan, save_path))
    if plan.items and free is not None:
        lines.append(_room(plan.total_size, free))
    return [*lines, *_skip_lines(plan.skips)]


def summary(plan: Plan, save_path: str) -> str:
    """The plan in a line: `12 files of 10 models, 4.5 GB, to downloads`."""
    if not plan.items:
        return "Nothing to download."
    models = len({item.model_id for item in plan.items})
    unsized = sum(item.size is None for item in plan.items)
    more = f" and {counted(unsized, 'file')} of unknown size" if unsized else ""
    what = f"{counted(len(plan.items), 'file')} of {counted(models, 'model')}, {shown_bytes(plan.total_size)}{more}"
    return f"{what}, to {shown(save_path)}"


def report_lines(report: Report, *, kept: int = 0, told: Iterable[Skip] = ()) -> Iterator[str]:
    """What came of a download, without its failures, which are errors and told as such.

    `kept` are the bytes of files that a stop broke off, `told` the skips of which the person has read.
    """
    sizes = sum(item.size or 0 for item in report.downloaded)
    failed = [failure for failure in report.failed if failure.error.code is not Code.INTERRUPTED]
    if report.downloaded:
        resumed = f", {shown_bytes(report.resumed_bytes)} of it from an earlier run" if report.resumed_bytes else ""
        linked = f"; {len(report.linked):,} of them by a link to bytes that are here" if report.linked else ""
        yield f"Downloaded {counted(len(report.downloaded), 'file')}, {shown_bytes(sizes)}{resumed}{linked}."
    if report.saved:
        yield f"Saved {counted(len(report.saved), 'file')} beside them."
    if not report.downloaded and not report.saved and not report.was_stopped:
        yield "Nothing downloaded."
    yield from _skip_lines(report.skipped, told)
    if failed:
        yield f"Failed {counted(len(failed), 'file')}."
    if report.was_stopped:
        yield from wrapped(_stop_line(report, len(report.failed) - len(failed), kept))


def _stop_line(report: Report, begun: int, kept: int) -> str:
    """What a stop left: `Stopped. 614 kB of 1 file kept, 3 files not begun; the same command goes on from here.`"""
    parts = []
    if begun:
        parts.append(
            f"{shown_bytes(kept)} of {counted(begun, 'file')} kept" if kept else f"{counted(begun, 'file')} begun"
        )
    if report.left > 0:
        parts.append(f"{counted(report.left, 'file')} not begun")
    return f"Stopped. {', '.join(parts)}{'; the' if parts else 'The'} same command goes on from here."


def _table(items: Sequence[Item]) -> list[str]:
    rows = []
    model_before: int | None = None
    for item in items:
        name = '"' if item.model_id is not None and item.model_id == model_before else _short(item.model_name, 40)
        size = shown_bytes(item.size) if item.size is not None else "?"
        rows.append(
            [
                size,
                _short(item.type, 18),
                _short(item.base_model, 18),
                name,
                _short(item.version_name, 20),
                _short(item.variant, 20),
                item.file_name,
            ]
        )
        model_before = item.model_id
    return table(HEAD, rows, flexible=6, right=(0,), spare=(1, 4, 2, 5))


def _short(text: str, most: int) -> str:
    return cut(shown(text), most)


def _more(number: int, things: str) -> list[str]:
    return [f"… and {number:,} more {things}"] if number > 0 else []


def _room(wanted: int, free: int) -> str:
    if wanted > free:
        return f"It does not fit: {shown_bytes(free)} are free there, {shown_bytes(wanted - free)} too few."
    return f"It fits: {shown_bytes(free)} are free there."


def _skip_lines(skips: Iterable[Skip], told: Iterable[Skip] = ()) -> list[str]:
    counts = Counter(skip.reason for skip in skips)
    counts -= Counter(skip.reason for skip in told)
    if not counts:
        return []
    reasons = [f"{number:,} {WORDS[reason]}" for reason, number in counts.most_common()]
    return wrapped(f"Skipped {counts.total():,}: {', '.join(reasons)}.")
