"""Ending connections in the two ways in which networks do: with an end, or with a reset."""

from __future__ import annotations

import os
import socket
import struct


def reset_when_closed(connection: socket.socket) -> None:
    """Let the coming close be seen by the other side as a reset."""
    at_once = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
