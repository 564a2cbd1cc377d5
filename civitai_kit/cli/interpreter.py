"""How often the interpreter interrupts the work: turns of threads during a scan, the search for circles always."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# The interpreter's own five milliseconds keep the next question waiting: a tenth of a page's time.
_TURN_SECONDS = 0.001
_OBJECTS_BEFORE_A_SEARCH = 100_000


@contextmanager
def quick_turns() -> Iterator[None]:
    """Within the block a thread that computes gives way sooner to one that is to ask the site."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def rare_collection() -> Iterator[None]:
    """Within the block circles among objects are searched for after many more of them: answers are trees.

    The default search after every 700 costs a scan of thousands of models a tenth of its processor time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BEFORE_A_SEARCH, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
