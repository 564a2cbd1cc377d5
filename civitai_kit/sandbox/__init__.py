"""A pretend Civitai on the loopback interface, with the faults of the real one on demand."""
