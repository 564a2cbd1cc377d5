"""The values and decisions of the library: known model files, what the site says of them, and what to keep."""
