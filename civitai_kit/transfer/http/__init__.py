"""How bytes are asked for: connections, redirects, ranges, and what refusals mean."""
