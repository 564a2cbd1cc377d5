"""What a torrent says, its name, and what came of making it."""
