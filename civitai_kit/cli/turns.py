"""How soon threads take turns while a scan asks for the next page and works on the last one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The interpreter's own five milliseconds keep the next question waiting: a tenth of a page's time.
_TURN_SECONDS = 0.001


@contextmanager
def quick_turns() -> Iterator[None]:
    """Within the block a thread that computes gives way sooner to one that is to ask the site."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
