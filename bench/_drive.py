"""Fetches with our own engine, as the command has it: INTO SITE SHA256 SIZE FILES CONNECTIONS."""

from __future__ import annotations

import sys
from pathlib import Path

from civitai_kit.core.plans.order import Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.pool import Pool


def main(words: list[str]) -> None:
    """Fetch one file so many times at once."""
    into, site, sha256, size, files, connections = words
    orders = [
        Order(
            key=str(number),
            urls=(f"{site}/api/download/models/1",),
            target=Path(into) / f"ours{number}.bin",
            proof=Proof(sha256=sha256, size=int(size)),
            connections=int(connections),
        )
        for number in range(int(files))
    ]
    with Fetcher(site=site, api_key="k", user_agent="bench/1", timeout=30, retries=RetryRules()) as fetcher:
        jobs = [lambda order=order: fetcher.fetch(order, lambda _: None) for order in orders]
        for outcome in Pool().run(jobs, len(jobs)):
            if outcome.error is not None:
                raise outcome.error


if __name__ == "__main__":
    main(sys.argv[1:])
