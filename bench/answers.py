"""Reading a page of a hundred models beside `json.loads` and plain pydantic models of the same fields, as ratios.

    python bench/answers.py [--rounds N]

The bar is 1.3 for the page as the client hands it out: its models are read then, versions and pictures when they are
looked at. The second ratio is for all of it. The plain models (tests/client/plain_models.py) refuse what is odd, and
keep no answer.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from civitai_kit.testing import World, sandbox  # isort: skip
from tests.client.plain_models import ratios  # isort: skip


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with sandbox(World.large(models=100)) as served, httpx2.Client() as http:
        page = http.get(f"{served.url}/api/v1/models?limit=100").content
    print(f"a page of 100 models, {len(page):,} bytes, over json.loads and plain pydantic models (processor time)")
    for what, ratio in ratios(page, options.rounds).items():
        print(f"  {what:20} {ratio:5.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
