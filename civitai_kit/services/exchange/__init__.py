"""A collection written out and read in."""
