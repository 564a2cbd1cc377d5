"""Which validators of a stored object (ETag, Last-Modified) may be kept and sent back."""

from __future__ import annotations

# Longer than any honest one, and short enough for every server's limit on a request's head.
_LONGEST = 512


def sendable_validator(said: str | None) -> str | None:
    """The validator, whether a server said it or a journal; None for one that cannot be sent back as it is.

    Such a validator counts as not given: a request carries printable ASCII only.
    """
    if said is None:
        return None
    said = said.strip(" \t")
    return said if 0 < len(said) <= _LONGEST and said.isascii() and said.isprintable() else None
