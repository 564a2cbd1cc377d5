"""The programs that are measured beside ours: where they are, which are missing here, and how to get them."""

from __future__ import annotations

import os
import shutil

# Where servers are installed, which is not on everybody's path.
_MORE = ["/usr/sbin", "/usr/local/sbin"]


def found(name: str) -> str | None:
    """Where a program is; None where it is not installed."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_MORE]))


def missing(*names: str) -> list[str]:
    """Those of the programs that are not installed, which is also printed; nothing is installed here."""
    gone = [name for name in names if found(name) is None]
    if gone:
        words = " ".join(gone)
        print(f"Not installed: {words}. On Debian and Ubuntu: apt-get install {words}; on macOS: brew install {words}.")
    return gone
