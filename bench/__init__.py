"""Benchmarks: each prints what it measured beside a named tool, in one run."""
