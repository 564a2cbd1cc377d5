"""Remembering: what was downloaded, kept in one crash-safe database."""
