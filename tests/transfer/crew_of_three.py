"""Fetches three files at once with a crew, for a test that ends it: [SITE, FOLDER, SIZE] as JSON in the one argument.

Says the ids of its processes once every transfer is under way. SIGINT sets the stop flag, as the command line has it.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from civitai_kit.core.errors import Interrupted
from civitai_kit.core.events import Event, FileMoved
from civitai_kit.core.plans.order import Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.crew import Crew
from civitai_kit.transfer.recipe import Recipe


def main(site: str, folder: str, size: int) -> None:
    """Fetch, and say `interrupted` when every transfer ended so."""
    stop, moving = threading.Event(), threading.Barrier(4)
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    recipe = Recipe(site=site, api_key="key", user_agent="t/1", timeout=30, retries=RetryRules())

    def fetch(crew: Crew, number: int) -> bool:
        began = False

        def emit(event: Event) -> None:
            nonlocal began
            if isinstance(event, FileMoved) and not began:
                began = True
                moving.wait()

        url = f"{site}/held/{number}"
        order = Order(key=str(number), urls=(url,), target=Path(folder) / str(number), proof=Proof(size=size))
        try:
            crew.fetch(order, emit)
        except Interrupted:
            return True
        return False

    with Crew(recipe, stop=stop, least=1000, most=2) as crew, ThreadPoolExecutor(3) as threads:
        under_way = [threads.submit(fetch, crew, number) for number in range(3)]
        moving.wait()
        print("under way", flush=True)
        # A signal may reach another thread: this one hears of it only when it looks up.
        while wait(under_way, timeout=0.1).not_done:
            pass
        if all(transfer.result() for transfer in under_way):
            print("interrupted", flush=True)


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
