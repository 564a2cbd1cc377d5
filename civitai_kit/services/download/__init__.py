"""Phase two: a plan becomes files and entries."""
