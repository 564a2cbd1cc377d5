"""Sidecars: what other programs keep beside model files, read, written and merged; their names in formats.py."""
