"""What crosses the pipes between a crew and its processes, each value in a frame (core/frames.py)."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Event
from civitai_kit.core.plans.order import Fetched, Order

# -- to a process, after its recipe -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Fetch this; everything said of it bears the number."""

    number: int
    order: Order


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits for this transfer any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Have every transfer end now."""


# -- either way ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quiet:
    """The site wants nobody to ask for so many seconds."""

    seconds: float


# -- from a process -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a transfer."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class Came:
    """A transfer is done."""

    number: int
    fetched: Fetched


@dataclass(frozen=True, slots=True)
class Failed:
    """A transfer has ended with an error."""

    number: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log."""

    line: str


Command = Begin | Drop | Stop | Quiet
Word = Told | Came | Failed
Report = Word | Said | Quiet


def portable(error: Exception) -> Exception:
    """The error as it can cross: itself where it comes out the same, else its text.

    What is none of ours takes along, as a note, where it happened.
    """
    if not isinstance(error, CivitaiKitError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:  # noqa: BLE001 - an error of anybody's making may refuse in any way
        pass
    return CivitaiKitError(f"{type(error).__name__}: {error}")
