"""Lines of a terminal as an SVG that stands alone: no fonts of another host, nothing that differs from run to run."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

# As rich draws a terminal, but in the fonts that the reader's machine has.
FORMAT = """\
<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
TEXT = re.compile(r'<text [^>]*clip-path="[^"]*line-(\d+)\)">(.*?)</text>')


def drawn(name: str, lines: Sequence[str], columns: int) -> str:
    """A picture of these lines; colours are escape sequences in them."""
    console = Console(
        record=True,
        width=columns,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ignore", crop=False)
    return console.export_svg(title="", code_format=FORMAT, unique_id=name)


def text_of(picture: str) -> list[str]:
    """The lines that a picture shows."""
    lines: dict[int, str] = {}
    for number, text in TEXT.findall(picture):
        lines[int(number)] = lines.get(int(number), "") + html.unescape(text).replace("\xa0", " ")
    return [lines[number].rstrip() for number in sorted(lines)]
