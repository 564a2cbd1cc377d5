"""What `config check` found, as a person reads it: a line a thing, what stands behind it to the right."""

from __future__ import annotations

from collections.abc import Iterator

from civitai_kit.cli.output.safe_text import padded, shown
from civitai_kit.cli.output.tables import GAP, wrapped
from civitai_kit.core.amounts import shown_bytes
from civitai_kit.core.settings.check_report import (
    CLOCK_TOLERANCE,
    CheckReport,
    KeyFinding,
    KeyStatus,
    SavePathFinding,
    SettingsFile,
    SiteFinding,
    SiteStatus,
)

Row = tuple[str, str, str]
_THING, _STATE = 9, 12
_SITE_WORDS = {SiteStatus.THERE: "there", SiteStatus.AWAY: "away", SiteStatus.NOT_ASKED: "not asked"}
_MINUTE, _DAY = 60, 86_400


def check_lines(report: CheckReport) -> list[str]:
    """The whole report; nothing is cut, a long line goes on below itself."""
    rows = [_key(report.key), _site(report.site), _save_path(report.save_path), *_files(report), *_extras(report)]
    indent = " " * (_THING + _STATE + 2 * GAP)
    return [line for row in rows for line in wrapped(_line(row), indent=indent)]


def _line(row: Row) -> str:
    thing, state, details = row
    return (" " * GAP).join((padded(thing, _THING), padded(state, _STATE), details)).rstrip()


def _key(key: KeyFinding) -> Row:
    if key.status is KeyStatus.NONE:
        return "key", "none", "scanning works without one, nearly every download wants one"
    standing = "" if key.account_status in (None, "active") else f", account {shown(key.account_status)}"
    whose = f"{shown(key.username)}, tier {shown(key.tier or 'unknown')}{standing}; " if key.username else ""
    return "key", str(key.status), f"{whose}from {shown(key.origin or 'somewhere')}"


def _site(site: SiteFinding) -> Row:
    clock = "" if site.clock_offset is None else f"; {_clock(site.clock_offset)}"
    return "site", _SITE_WORDS[site.status], f"{shown(site.url)}{clock}"


def _clock(offset: int) -> str:
    """How far this machine's clock is off, in words: `the clock here is right`, `… is 7 min ahead`."""
    if abs(offset) <= 1:
        return "the clock here is right"
    direction = "ahead" if offset > 0 else "behind"
    off = abs(offset)
    amount = f"{off} s" if off < 2 * _MINUTE else f"{off // _MINUTE:,} min" if off < _DAY else f"{off // _DAY:,} days"
    harm = ": set it, certificates and signed links depend on it" if off > CLOCK_TOLERANCE else ""
    return f"the clock here is {amount} {direction}{harm}"


def _save_path(place: SavePathFinding) -> Row:
    state = "writable" if place.error is None else "not writable"
    free = "" if place.free is None else f"{shown_bytes(place.free)} are free; "
    made = "" if place.exists or place.error is not None else " (made by the first download)"
    return "save path", state, f"{free}{shown(place.path)}{made}"


def _files(report: CheckReport) -> Iterator[Row]:
    for file in report.settings_files:
        yield "settings", _file_state(file), shown(file.path)


def _file_state(file: SettingsFile) -> str:
    if not file.exists:
        return "not there"
    return "not private" if file.readable_by_others else "private"


def _extras(report: CheckReport) -> Iterator[Row]:
    if not report.extras:
        return
    there = [name for name, installed in report.extras.items() if installed]
    lacking = [name for name, installed in report.extras.items() if not installed]
    said = [", ".join(there)] if there else []
    said += [f"not installed: {', '.join(lacking)}"] if lacking else []
    yield "extras", f"{len(there)} of {len(report.extras)}", "; ".join(said)
