"""Torrents of what was downloaded."""
