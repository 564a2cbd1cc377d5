"""Moving bytes: from a socket to a verified file under its final name."""
