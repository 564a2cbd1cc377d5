"""Library pages: a static site of what a library keeps. Values in, text out; nothing is read or written here."""
