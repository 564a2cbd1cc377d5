"""Fetches one file in a process of its own, so that it can be killed: SITE KEY URL TARGET SHA256 CONNECTIONS."""

from __future__ import annotations

import sys
from pathlib import Path

from civitai_kit.core.order import Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer import lane, segments
from civitai_kit.transfer.fetch import Fetcher


def main() -> None:
    """Fetch."""
    site, key, url, target, sha256, connections = sys.argv[1:]
    # The same machinery at a size that a test can wait for.
    lane._SYNC_BYTES = segments._SYNC_BYTES = 2_000_000
    segments.SEGMENT = 3_000_000
    order = Order(key="k", urls=(url,), target=Path(target), proof=Proof(sha256=sha256), connections=int(connections))
    with Fetcher(site=site, api_key=key, user_agent="t/1", timeout=5, retries=RetryRules(first_wait=0.01)) as fetcher:
        fetcher.fetch(order, lambda _: None)


if __name__ == "__main__":
    main()
