"""Words of strangers, and what somebody typed, cut so that a sentence with them stays one."""

from __future__ import annotations

# The longest path that systems take has 4,096 bytes; whoever reads a sentence needs its beginning and its end.
MOST = 1000


def cut_in_the_middle(text: str, most: int = MOST) -> str:
    """The text, of at most so many letters (3 at least): of a longer one the beginning, an ellipsis and the end."""
    if len(text) <= most:
        return text
    end = (most - 1) // 2
    return f"{text[: most - 1 - end]}…{text[-end:]}"
