"""The site of the documents: the pages of docs/ as they are, and the reference out of the docstrings (`make docs`)."""
