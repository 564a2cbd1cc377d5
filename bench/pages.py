"""`library pages` of 5,000 models: a full build, an unchanged one, and the index in Chromium where there is one.

    python bench/pages.py [--models N]

The command runs as a person runs it, start included. The bars: 60 s, 2 s; the index usable in 1.5 s and searched in
50 ms a key.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from civitai_kit.store.lmdb_store import LmdbStore  # isort: skip
from tests.browser import CAN_RUN, chromium  # isort: skip
from tests.library_shelf import synthetic  # isort: skip

_KEYS = "lora, trigger12"
_TYPE = f"""[...{_KEYS!r}].map((key) => {{
  const field = document.getElementById('search');
  field.value += key;
  const begun = performance.now();
  field.dispatchEvent(new Event('input'));
  document.body.offsetHeight;
  return performance.now() - begun;
}})"""


def made(save_path: Path) -> float:
    """Seconds of one run of the command."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "civitai_kit", "library", "pages", "--save-path", str(save_path), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": ""})
    return time.perf_counter() - begun


def in_browser(index: Path, profile: Path) -> None:
    """Print how soon the index can be used, and what a key in its search costs."""
    with chromium(profile) as browser:
        opened = []
        for _ in range(3):
            tab = browser.tab()
            begun = time.perf_counter()
            tab.open(index.as_uri())
            tab.wait_for("document.querySelectorAll('.card').length > 8")
            opened.append(time.perf_counter() - begun)
        costs = tab.run(_TYPE)
    print(f"  index usable after {median(opened):6.2f} s")
    print(f"  search, a key      {median(costs):6.1f} ms (at most {max(costs):.1f})")


def main() -> None:
    """Build a library, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        library = root / "library"
        library.mkdir()
        shelf = synthetic(library, options.models)
        with closing(LmdbStore.open(root / "civitai_download_db", read_only=False)) as store:
            store.put_library_files(shelf.files)
        print(f"  {options.models:,} models, full    {made(root):6.2f} s")
        print(f"  {options.models:,} models, again   {min(made(root) for _ in range(3)):6.2f} s")
        if CAN_RUN:
            in_browser(library / "index.html", root / "profile")


if __name__ == "__main__":
    main()
