"""Names and paths that every file system takes, and that stay under their root."""
