"""Kill -9 of `serve` amid requests: both catalogs are whole, what was answered is in them, nothing is there twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from torture.moments import Moment, grown
from torture.place import Place, Running
from torture.site import Site
from torture.suite import BATCH, Job, Kind, Result

ROUNDS = 10
AT_ONCE = 20
TOKEN = "torture-token-0123456789"
_SECONDS = 20.0
ADD, PROMOTE = "add", "promote-to-lora"


@dataclass
class Asked:
    """What was asked of the server, and what it has answered: the status it gave, by what and for which version."""

    url: str = ""
    answered: dict[tuple[str, int], str] = field(default_factory=dict)
    count: int = 0

    def ask(self, what: str, version_id: int) -> None:
        """One request; it is not noted where no answer comes, for the server was killed."""
        try:
            status = self._post(f"/api/admin/civitai/{what}/{version_id}")
        except (OSError, HTTPException, ValueError):
            return
        self.answered[what, version_id] = status
        self.count += 1

    def _post(self, path: str) -> str:
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
        try:
            connection.request("POST", path, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        return str(said.get("status") or f"{answer.status} {said.get('detail')}")


def _rounds(place: Place) -> Iterator[Result]:
    """In each round what the last one added is promoted, as much again is added, and the server is killed amid it."""
    site = place.closing.enter_context(Site())
    for model_id in range(1, ROUNDS * AT_ONCE + 1):
        site.add(model_id)
    place.at(site.url)
    asked = Asked()
    for number in range(ROUNDS):
        wanted = _wanted(number)
        running = serve(place, asked)
        moment = _moment(place, asked, number)
        complaints = [*_amid(running, asked, wanted, moment), *_lost(place, asked)]
        complaints += _finished(place, asked, wanted)
        yield Result(f"add and promote at once{BATCH}round {number + 1}", tuple(complaints), place.last)


def _wanted(number: int) -> list[tuple[str, int]]:
    new, before = _versions(number), _versions(number - 1) if number else []
    pairs = [*((ADD, version_id) for version_id in new), *((PROMOTE, version_id) for version_id in before)]
    return sorted(pairs, key=lambda pair: pair[1] % AT_ONCE)


def _versions(number: int) -> list[int]:
    return [model_id * 10 + 1 for model_id in range(number * AT_ONCE + 1, (number + 1) * AT_ONCE + 1)]


def _moment(place: Place, asked: Asked, number: int) -> Moment:
    """After some answers, or as soon as one of the files is written to again."""
    if number % 2:
        return grown(place.save / "catalog" / "loras.json", number)
    enough = asked.count + 3 * number + 1
    return lambda: asked.count >= enough


def serve(place: Place, asked: Asked, *words: str) -> Running:
    """A server that answers; `asked` gets its address."""
    running = place.start("--json", "serve", "--port", "0", "--token", TOKEN, *words)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until and not running.has_ended:
        try:
            asked.url = json.loads(running.printed())["data"]["url"]
        except ValueError:
            time.sleep(0.01)
            continue
        return running
    raise RuntimeError("the server did not start")


def _amid(running: Running, asked: Asked, wanted: list[tuple[str, int]], moment: Moment) -> Iterator[str]:
    before = asked.count
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for pair in wanted:
            pool.submit(asked.ask, *pair)
        caught = running.wait_for(moment)
        running.kill()
    if not caught or asked.count - before == len(wanted):
        yield "it was killed too late"


def _lost(place: Place, asked: Asked) -> Iterator[str]:
    """What is wrong right after a kill; what was being promoted may stand in both until the next change."""
    held = _held(place)
    if isinstance(held, str):
        yield held
        return
    models, loras = held
    for (what, version_id), status in asked.answered.items():
        if status not in ("added", "promoted", "already_exists"):
            yield f"{what} of {version_id} was answered: {status}"
        elif version_id not in loras and (what == PROMOTE or version_id not in models):
            yield f"{what} of {version_id} was answered, and it is lost"
    yield from (f"{version_id} stands twice in one file" for held in (models, loras) for version_id in _twice(held))


def _finished(place: Place, asked: Asked, wanted: list[tuple[str, int]]) -> Iterator[str]:
    """What is wrong when a new server has been asked for all of it again."""
    running = serve(place, asked)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda pair: asked.ask(*pair), wanted))
    running.process.terminate()
    yield from running.wait().faults()
    held = _held(place)
    if isinstance(held, str):
        yield held
        return
    models, loras = held
    promoted = {version_id for what, version_id in asked.answered if what == PROMOTE}
    added = {version_id for what, version_id in asked.answered if what == ADD} - promoted
    if Counter(models) != Counter(added) or Counter(loras) != Counter(promoted):
        yield f"there are {len(models)} and {len(loras)} entries, and there should be {len(added)} and {len(promoted)}"


def _held(place: Place) -> tuple[list[int], list[int]] | str:
    """The versions in models.json and loras.json, or what is wrong with one of them."""
    found = []
    for name in ("models.json", "loras.json"):
        path = place.save / "catalog" / name
        try:
            content = json.loads(path.read_bytes()) if path.exists() else {"categories": []}
        except ValueError as error:
            return f"{name} is broken: {error}"
        found.append([entry["civitai_version_id"] for one in content["categories"] for entry in one["models"]])
    return found[0], found[1]


def _twice(version_ids: list[int]) -> list[int]:
    return [version_id for version_id, count in Counter(version_ids).items() if count > 1]


def _jobs() -> list[Job]:
    return [Job("add and promote at once", _rounds)]


KIND = Kind("catalog", ROUNDS, _jobs)
