"""Downloads that other programs ask for while we serve: a queue, one at a time."""
