"""The library: local model files identified, kept, updated, compared and shown."""
