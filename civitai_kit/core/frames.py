"""What crosses a pipe between processes of ours: frames, each a length and a pickled value."""

from __future__ import annotations

import pickle
import struct
from typing import BinaryIO

_LENGTH = struct.Struct("!I")
_LONGEST = 16 * 1024 * 1024  # No frame comes near; what claims more is something else that was printed.


def write_frame(stream: BinaryIO, value: object) -> None:
    """Send one value; raises OSError when nobody reads any more."""
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def read_frame(stream: BinaryIO) -> object | None:
    """The next value, None at the end; raises ValueError, or what pickle does, for anything that is no frame."""
    content = read_content(stream)
    return None if content is None else pickle.loads(content)


def read_content(stream: BinaryIO) -> bytes | None:
    """The next value as it was pickled, None at the end; raises ValueError for anything that is no frame."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _LONGEST:
        raise ValueError("no frame")
    content = stream.read(length)
    return content if len(content) == length else None


def boot(module: str) -> list[str]:
    """The words behind a Python's name that have it run a module's `main`, once `sys.path` is told as a line of JSON.

    -P: the folder that a person happens to stand in lends no modules.
    """
    # To search for circles among what is loaded takes a tenth of the start.
    told = "import gc, json, sys; gc.disable(); sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    return ["-P", "-c", f"{told}from {module} import main; gc.enable(); main()"]
