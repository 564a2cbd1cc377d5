"""Amounts of bytes as people write them, and amounts as they like to read them."""

from __future__ import annotations

import re

_UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}{ending}": 1000**power for power, letter in enumerate("kmgt", 1) for ending in ("", "b")},
    **{f"{letter}i{ending}": 1024**power for power, letter in enumerate("kmgt", 1) for ending in ("", "b")},
}
_AMOUNT = r"([0-9]{1,19}(?:\.[0-9]{1,9})?)\s*([a-z]*?)(?:/s)?"
LARGEST = 2**63 - 1


def parse_bytes(text: str) -> int:
    """`500MiB`, `2GB`, `1.5 g`, `4096`, `5MB/s` → bytes; KB is 1000, KiB 1024. Raises ValueError."""
    found = re.fullmatch(_AMOUNT, text.strip().lower())
    factor = _UNITS.get(found[2]) if found else None
    if found is None or factor is None:
        raise ValueError(f"not an amount of bytes: {text!r}")
    number, _, fraction = found[1].partition(".")
    scale = int("1" + "0" * len(fraction))
    amount: int = int(number) * factor + int(fraction or 0) * factor // scale
    if amount > LARGEST:
        raise ValueError(f"too large: {text!r}")
    return amount


def counted(number: int, thing: str) -> str:
    """`1 file`, `1,204 files`."""
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else plural}"


def shown_bytes(amount: float) -> str:
    """Bytes for people, in the powers of 1000 that sites and disks are sold by: `217 MB`, `6.5 GB`."""
    for unit, digits in (("B", 0), ("kB", 0), ("MB", 0)):
        if abs(amount) < 999.5:
            return f"{amount:.{digits}f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB" if amount < 999.95 else f"{amount / 1000:.2f} TB"


def shown_seconds(seconds: float) -> str:
    """A stretch of time for people: `8 s`, `3:05`, `2:10:00`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
