"""What may be set, what it may hold, and the layers that it comes from."""
