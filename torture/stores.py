"""Damaged databases: the program says so and ends with 10, or serves what is whole; it never dies of it."""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from torture.place import Place, Ran
from torture.site import Site
from torture.stores_damage import AGAIN, ALWAYS, EITHER, SERVED, Damage
from torture.suite import Job, Kind, job
from torture.truth import STORES

ENTRIES = 1500
# What these come to on the sound database is what a damaged one may still answer.
ANSWERED: tuple[tuple[str, ...], ...] = (
    ("db", "view"),
    ("db", "stats"),
    ("db", "search", "model"),
    ("db", "export", "out.jsonl"),
)
# Each is asked of every damaged database.
QUESTIONS = (*ANSWERED, ("db", "verify", "--no-check-hash"), ("download", "1", "--yes"))


@dataclass(frozen=True, slots=True)
class Sound:
    """A save path with a sound database, and what is answered there."""

    save: Path
    answers: Mapping[tuple[str, ...], Ran]


_making = threading.Lock()


@cache
def _make_sound() -> Sound:
    """A database of many entries, made by the program."""
    place = Place.make(Path(tempfile.mkdtemp(prefix="torture-sound-")))
    atexit.register(shutil.rmtree, place.root, ignore_errors=True)
    _at_site(place)
    place.run("download", "1", "--yes")
    place.run("db", "export", "one.jsonl")
    head, line, *_ = (place.work / "one.jsonl").read_text().splitlines()
    lines = [line.replace('"version_id":11', f'"version_id":{1000 + number}', 1) for number in range(ENTRIES)]
    (place.work / "many.jsonl").write_text("\n".join((head, *lines)) + "\n")
    place.run("db", "import", "many.jsonl")
    answers = {words: place.json(*words) for words in ANSWERED}
    place.close()
    return Sound(place.save, answers)


def _at_site(place: Place) -> None:
    site = place.closing.enter_context(Site())
    site.add(1)
    place.at(site.url, "--retries", "0")


def _attempt(damage: Damage, ends: frozenset[int], seed: int, place: Place) -> Iterator[str]:
    """Ask a damaged database everything; `ends` are the exit codes that would be right."""
    with _making:
        sound = _make_sound()
    _at_site(place)
    shutil.copytree(sound.save, place.save)
    data = place.save / STORES[0] / "data.mdb"
    damage(data, random.Random(seed))
    for words in QUESTIONS:
        kept = data.read_bytes() if data.is_file() else None
        ran = place.json(*words)
        yield from ran.faults()
        yield from _judged(ran, sound.answers.get(words), ends)
        if words[0] == "download" and kept is not None and ran.code == 10 and data.read_bytes() != kept:
            yield "an unreadable database was changed"
    plain = place.run("db", "view")
    yield from plain.faults()
    if plain.code == 10 and b"error: " not in plain.err:
        yield "exit 10 without a word"


def _judged(ran: Ran, sound: Ran | None, ends: frozenset[int]) -> Iterator[str]:
    """Exit 10 with a row, or the answer of the sound one."""
    what = " ".join(ran.words[1:4])
    if ran.code == 10:
        if not ran.errors or not ran.errors[0]["code"].startswith("store_"):
            yield f"{what} ends with 10 and says {ran.errors[:1]}"
        if 10 not in ends:
            yield f"{what} ends with 10: {ran.errors[:1]}"
    elif ran.code not in ends | {8}:
        yield f"{what} ends with {ran.code}: {ran.errors[:1]}"
    elif sound is not None and ends in (EITHER, SERVED) and ran.data != sound.data:
        yield f"{what} ends with {ran.code} and answers otherwise than before"


def _jobs() -> list[Job]:
    jobs = [job(name, partial(_attempt, damage, ends, 1)) for name, damage, ends in ALWAYS]
    for name, damage, times in AGAIN:
        jobs += [job(f"{name}, {seed}", partial(_attempt, damage, EITHER, seed)) for seed in range(1, times + 1)]
    return jobs


KIND = Kind("stores", 45, _jobs)
