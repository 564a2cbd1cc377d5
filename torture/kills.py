"""Kill -9 at moments chosen by what has happened: nothing lies afterwards, and the next run finishes at little cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from torture.kills_local import kill_delete, kill_import, kill_torrents
from torture.moments import kill_at, logged, sent
from torture.place import Place
from torture.site import Site
from torture.suite import BATCH, Job, Kind, Result
from torture.truth import digest, disagreements, models, wrong_bytes

MIB = 1024 * 1024
# How much may be fetched in all, in terms of the content, over kills within seconds of each other.
MOST = 1.05

# -- chains: killed again and again, each run goes on ----------------------------------------------------------


def _chain(kills: int, size: int, *flags: str, files: int = 3) -> Callable[[Place], Iterator[Result]]:
    """A download of some files, killed whenever a share of it has come; then left to finish."""
    what = " ".join(("download", *flags))

    def run(place: Place) -> Iterator[Result]:
        site = _files(place, size, files)
        step = files * size // (kills + 2)
        for number in range(1, kills + 1):
            running = place.start("download", *map(str, site.models), "--yes", *flags)
            caught = running.wait_for(sent(site, step))
            ran = running.kill()
            late = () if caught else (f"it ended with {ran.code} before it could be killed",)
            yield Result(f"{what}{BATCH}kill {number}", (*late, *_lies(place, site)), place.last)
        site.rate = None
        yield Result(f"{what}{BATCH}the run after them", tuple(_finished(place, site, *flags)), place.last)
        yield _cost(what, site, files * size, kills)

    return run


def _three_files(place: Place, size: int) -> Site:
    return _files(place, size, 3)


def _files(place: Place, size: int, count: int) -> Site:
    site = place.closing.enter_context(Site(rate=32 * MIB))
    for model_id in range(1, count + 1):
        site.add(model_id, size=size)
    place.at(site.url)
    return site


def _lies(place: Place, site: Site) -> Iterator[str]:
    yield from wrong_bytes(place.save, site.promised)
    yield from disagreements(place)


def _finished(place: Place, site: Site, *flags: str) -> Iterator[str]:
    """What is wrong with the run that nobody kills."""
    ran = place.json("download", *map(str, site.models), "--yes", *flags)
    yield from ran.faults()
    if ran.code:
        yield f"the run after the kill ends with {ran.code}: {ran.errors[:1]}"
    yield from _lies(place, site)
    there = {digest(path) for path in models(place.save)}
    if there != site.promised:
        yield f"{len(there)} of {len(site.promised)} files are there in the end"
    yield from (f"left behind: {path.name}" for path in place.save.rglob("*.part*"))


def _cost(what: str, site: Site, content: int, kills: int) -> Result:
    ratio = site.sent / content
    said = f"{what}: {ratio:.3f} x the content was fetched over {kills} kills (at most {MOST})"
    return Result(f"{what}{BATCH}what was fetched", (said,) if ratio > MOST else (), "", said)


# -- single kills ----------------------------------------------------------------------------------------------


def _small_files(place: Place, number: int) -> Iterator[str]:
    """Killed when the log tells of the so-and-so-manieth file that is done."""
    site = place.closing.enter_context(Site())
    for model_id in range(1, 13):
        site.add(model_id, size=300_000)
    place.at(site.url)
    log = place.work / "log"
    words = ("download", *map(str, site.models), "--yes", "--metadata", "-c", "2")
    debug = ("--log-level", "debug", "--log-format", "json", "--log-file", str(log))

    def reset() -> None:
        shutil.rmtree(place.save, ignore_errors=True)
        log.unlink(missing_ok=True)
        site.sent = 0

    if kill_at(lambda: place.start(*debug, *words), lambda: logged(log, "FileDone", number), reset) is None:
        yield "it always ended before it could be killed"
    yield from _lies(place, site)
    yield from _finished(place, site, "--metadata")
    # Two were under way.
    if site.sent > (12 + 2) * 300_000:
        yield f"{site.sent / 300_000:.1f} files were fetched, and there are 12"
    if len(list(place.save.rglob("*.json"))) != 12:
        yield "sidecars are missing"


def _power_cut(place: Place, number: int) -> Iterator[str]:
    """Killed when so many MiB have come; then what no journal vouches for is lost, as power cuts do it."""
    site = _three_files(place, 24 * MIB)
    flags = ("--connections", "4") if number % 2 else ()
    running = place.start("download", "1", "2", "3", "--yes", "-c", "2", *flags)
    if not running.wait_for(sent(site, number * MIB)):
        yield "it ended before it could be killed"
    running.kill()
    for part in place.save.rglob("*.part"):
        _lose_unsynced(part)
    site.rate, site.sent = None, 0
    yield from _finished(place, site, *flags)
    # Once to its end with what is wrong, and once more from what was synced.
    if site.sent > 2 * 3 * 24 * MIB:
        yield f"{site.sent // MIB} MiB were fetched after it, of {3 * 24}"


def _lose_unsynced(part: Path) -> None:
    """Zeros in place of what was not synced; the length stays."""
    journal = part.with_name(f"{part.name}.json")
    points = json.loads(journal.read_bytes().partition(b"\n")[0])["points"] if journal.exists() else []
    synced = points[-1][0] if points else 0
    with part.open("r+b") as file:
        length = file.seek(0, 2)
        file.seek(synced)
        file.write(bytes(max(0, length - synced)))


def _pictures(place: Place, number: int) -> Iterator[str]:
    """Killed when so many pictures have been asked for."""
    site = place.closing.enter_context(Site(rate=2 * MIB))
    for image_id in range(1001, 1025):
        site.add_picture(image_id, size=60_000)
    place.at(site.url)
    running = place.start("images", "--username", "maker", "-c", "3")
    if not running.wait_for(lambda: len(site.asked_storage()) >= number):
        yield "it ended before it could be killed"
    running.kill()
    there, asked = len(_pictures_in(place)), len(site.asked_storage())
    yield from _wrong_pictures(place, site)
    ran = place.json("images", "--username", "maker")
    yield from ran.faults()
    yield from _wrong_pictures(place, site)
    if ran.code or len(_pictures_in(place)) != 24:
        yield f"the run after the kill ends with {ran.code}, {len(_pictures_in(place))} of 24 pictures are there"
    # Three were under way: what was sent for them is lost.
    if (fetched := len(site.asked_storage()) - asked) > 24 - there + 3:
        yield f"{there} of 24 pictures were there, and the next run fetches {fetched}"
    again = place.json("images", "--username", "maker")
    if again.data.get("downloaded") != 0:
        yield f"a third run fetches {again.data.get('downloaded')} more"


def _pictures_in(place: Place) -> list[Path]:
    return [path for path in place.save.rglob("*") if path.stem.isdigit() and path.suffix in (".png", ".jpeg")]


def _wrong_pictures(place: Place, site: Site) -> Iterator[str]:
    whole = set(site.pictures.values())
    yield from (f"wrong bytes in {path.name}" for path in _pictures_in(place) if path.read_bytes() not in whole)


def _verify(place: Place, number: int) -> Iterator[str]:
    """Killed while `db verify --yes` fetches anew what was spoilt."""
    site = _three_files(place, 4 * MIB)
    site.rate = None
    place.run("download", "1", "2", "3", "--yes")
    for path in models(place.save)[:2]:
        path.write_bytes(b"spoilt" + path.read_bytes()[6:])
    spoilt = {digest(path) for path in models(place.save)}
    site.rate = 8 * MIB
    running = place.start("db", "verify", "--yes", "-c", "1")
    if not running.wait_for(sent(site, number * MIB)):
        yield "it ended before it could be killed"
    running.kill()
    yield from wrong_bytes(place.save, site.promised | spoilt)
    site.rate = None
    ran = place.json("db", "verify", "--yes")
    yield from ran.faults()
    if ran.code:
        yield f"the run after the kill ends with {ran.code}: {ran.errors[:1]}"
    yield from _lies(place, site)


def _singles() -> Iterator[tuple[str, Callable[[Place, int], Iterator[str]], tuple[int, ...]]]:
    yield "download of small files, files done", _small_files, (1, 3, 5, 7, 9, 11)
    yield "download, power cut at MiB sent", _power_cut, (3, 10, 23, 36, 51, 60)
    yield "images, pictures asked for", _pictures, (1, 4, 7, 10, 13, 16, 19, 22)
    yield "db verify --yes, MiB sent", _verify, (1, 2, 3, 5, 6, 7)
    yield "db import, writes", kill_import, (1, 2, 3, 4, 5, 6)
    yield "db delete, files gone", kill_delete, (1, 10, 20, 30, 45, 59)
    yield "torrent, torrents made", kill_torrents, (1, 10, 20, 30, 45, 55)


def _jobs() -> list[Job]:
    chains = [
        Job("download -c 1", _chain(20, 384 * MIB, "-c", "1", files=1)),
        Job("download -c 2", _chain(20, 192 * MIB, "-c", "2")),
        Job("download --connections 4", _chain(8, 96 * MIB, "--connections", "4", "-c", "1")),
    ]
    singles = [
        Job(f"{what}: {number}", partial(_single, f"{what}: {number}", attempt, number))
        for what, attempt, numbers in _singles()
        for number in numbers
    ]
    return [*chains, *singles]


def _single(name: str, attempt: Callable[[Place, int], Iterator[str]], number: int, place: Place) -> list[Result]:
    return [Result(name, tuple(attempt(place, number)), place.last)]


KIND = Kind("kills", 60, _jobs)
