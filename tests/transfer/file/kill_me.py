"""Fetches files in processes that can be killed: a line of JSON in, a child forked from this warm one.

Each line holds [SITE, KEY, URL, TARGET, SHA256, CONNECTIONS, SIZE]; the child's id comes back, then its wait status.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from civitai_kit.core.plans.order import Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.file.limits import Sizes


def main() -> None:
    """Fork a child for every line."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            fetch(*json.loads(line))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


def fetch(*words: Any) -> None:
    """Fetch one file."""
    site, key, url, target, sha256, connections, size = words
    order = Order(
        key="k", urls=(url,), target=Path(target), proof=Proof(sha256=sha256, size=size), connections=connections
    )
    # The same machinery at a size that a test can wait for.
    sizes = Sizes(segment=3_000_000, sync=2_000_000)
    parts: dict[str, Any] = {"sizes": sizes, "user_agent": "t/1", "timeout": 5, "retries": RetryRules(first_wait=0.01)}
    with Fetcher(site=site, api_key=key, **parts) as fetcher:
        fetcher.fetch(order, lambda _: None)


if __name__ == "__main__":
    main()
