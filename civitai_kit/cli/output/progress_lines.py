"""What is under way, in the few lines that show it."""

from __future__ import annotations

from civitai_kit.cli.output.safe_text import cut, padded, shown, width
from civitai_kit.core.amounts import counted, shown_bytes, shown_seconds
from civitai_kit.core.events import Asked, PageRead
from civitai_kit.core.under_way import Moving, State


def frame(state: State, now: float, columns: int, rows: int) -> list[str]:
    """A line for each file on its way, as many as fit, and one for all."""
    if state.page is not None:
        return [cut(f"{_asked_line(state.page)}{f' · {shown(state.pause)}' if state.pause else ''}", columns)]
    if not state.files:
        return [cut(shown(state.pause), columns)] if state.pause else []
    room = max(1, rows - 3)
    moving = list(state.moving.items())
    lines = [_file_line(key, file, now, columns) for key, file in moving[:room]]
    hidden = [f"… and {len(moving) - room} more under way"] if len(moving) > room else []
    return [*lines, *(cut(line, columns) for line in (*hidden, _total_line(state, now)))]


def _asked_line(asked: PageRead | Asked) -> str:
    if isinstance(asked, Asked):
        return f"{counted(asked.number, asked.thing)} asked about"
    read = f"{counted(asked.models, 'model')} read, {counted(asked.items, 'file')} to fetch"
    return f"page {asked.pages:,}: {read}"


def _file_line(key: str, file: Moving, now: float, columns: int) -> str:
    speed = file.pace.speed(now)
    size = shown_bytes(file.size) if file.size is not None else "?"
    share = f"{min(100, 100 * file.done // file.size):>3}%" if file.size else "    "
    left = shown_seconds((file.size - file.done) / speed) if file.size and speed >= 1 else "-"
    state = shown(file.waits) if file.waits else f"{shown_bytes(speed)}/s  {left}"
    facts = f"{share}  {padded(size, 8, right=True)}  {padded(state, 20)}".rstrip()
    room = max(8, columns - max(width(facts), 36) - 2)
    name = cut(shown(key.rsplit("/", 1)[-1]), room)
    return cut(f"{padded(name, room)}  {facts}", columns)


def _total_line(state: State, now: float) -> str:
    speed = state.pace.speed(now)
    done = state.done_bytes
    left = f"  {shown_seconds((state.size - done) / speed)} left" if speed >= 1 and state.size > done else ""
    failed = f", {state.failed} failed" if state.failed else ""
    amounts = f"{shown_bytes(done)} of {shown_bytes(state.size)}"
    return f"{state.finished:,} of {counted(state.files, 'file')}{failed}  {amounts}  {shown_bytes(speed)}/s{left}"
