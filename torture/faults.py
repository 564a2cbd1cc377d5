"""A server that does wrong: no wrong byte gets a final name, the failure has its true code, the others are finished."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torture.faults_api import API
from torture.faults_storage import STORAGE, Act
from torture.place import Place, Ran
from torture.site import Request, Site
from torture.suite import Job, Kind, job
from torture.truth import disagreements, models, wrong_bytes

VICTIM = 101
SIZE = 200_000
# What may be asked of a body that is longer than it should be: some room, not the whole disk.
MOST_BYTES = 64_000_000


def _storage(hook: Act, codes: frozenset[str], place: Place) -> Iterator[str]:
    """The storage does wrong with one file of three."""
    site = _three_models(place)

    def on_storage(request: Request) -> bool | None:
        return hook(site, request) if request.path.endswith(f"/{VICTIM}") else False

    site.on_storage = on_storage
    ran = place.json("download", "1", "2", "3", "--yes", "-c", "1")
    yield from _judged(place, site, ran, codes)
    site.on_storage = lambda _: False
    yield from _mended(place, site, codes)


def _api(hook: Act, codes: frozenset[str], place: Place) -> Iterator[str]:
    """The site does wrong with one model of three."""
    site = _three_models(place)
    site.on_site = lambda request: hook(site, request)
    ran = place.json("download", "1", "2", "3", "--yes", "-c", "1")
    yield from _judged(place, site, ran, codes)


def _three_models(place: Place) -> Site:
    site = place.closing.enter_context(Site())
    for model_id in (1, 2, 3):
        site.add(model_id, size=SIZE)
    place.at(site.url, "--retries", "2", "--api-timeout", "2")
    return site


def _judged(place: Place, site: Site, ran: Ran, codes: frozenset[str]) -> Iterator[str]:
    yield from ran.faults()
    yield from wrong_bytes(place.save, site.promised)
    yield from disagreements(place)
    if site.sent > MOST_BYTES:
        yield f"{site.sent // 1_000_000} MB were read"
    done = {row["model_id"] for row in ran.data.get("downloaded", [])}
    if not done >= {2, 3}:
        yield f"the others were not finished: {sorted(done)}, exit {ran.code}, {ran.errors[:1]}"
    yield from _true_code(ran, 1 in done, codes)


def _true_code(ran: Ran, came: bool, codes: frozenset[str]) -> Iterator[str]:
    """The code of the one that failed, and the exit code of a run of which one failed."""
    if came:
        if "ok" not in codes:
            yield "it is said to be downloaded"
        elif ran.code:
            yield f"all came, and it ends with {ran.code}"
        return
    rows = [*ran.data.get("failed", []), *ran.errors]
    found = {str(row["code"]) for row in rows}
    skipped = {f"skip:{row['reason']}" for row in ran.data.get("skipped", [])}
    if not (found | skipped) & codes:
        yield f"{sorted(found | skipped)}, not {' or '.join(sorted(codes))}: {[row['message'] for row in rows][:1]}"
    if ran.code != 7 and found:
        yield f"exit {ran.code}, not 7, where one of three failed"


def _mended(place: Place, site: Site, codes: frozenset[str]) -> Iterator[str]:
    """When the server does right again the same command gets the file."""
    again = place.json("download", "1", "2", "3", "--yes")
    yield from again.faults()
    if again.code or len(models(place.save)) != 3:
        yield f"the next run, of a good server, ends with {again.code}: {again.errors[:1]}"
    yield from wrong_bytes(place.save, site.promised)


def _jobs() -> list[Job]:
    jobs = []
    for where, rows, attempt in (("storage", STORAGE, _storage), ("site", API, _api)):
        for name, hook, codes in rows:
            jobs.append(job(f"{where}: {name}", partial(attempt, hook, frozenset(codes.split()))))
    return jobs


KIND = Kind("faults", 50, _jobs)
