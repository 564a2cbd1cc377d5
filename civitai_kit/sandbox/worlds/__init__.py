"""What the pretend site holds: records, their bytes, and worlds made of them."""
