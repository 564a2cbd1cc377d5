"""Ill treatment of the whole program, as a person or a process meets it: `make torture`, or `python -m torture`."""
