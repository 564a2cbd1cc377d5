"""Kill -9 of `library scan`: hash cache, tree, rows and entries agree whenever it happens; the next run finishes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from civitai_kit.core.collection.entry import Entry, Status
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.disk.files import stamp
from civitai_kit.sandbox.worlds.world import World
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import sandbox
from torture.moments import Moment, files, kill_at, logged
from torture.place import Place
from torture.suite import Job, Kind, job
from torture.truth import STORES, digest

# More than a batch of a hundred.
KNOWN = 70
UNKNOWN = 60
SIZE = 20_000


def filled(world: World, folder: Path, known: int, unknown: int) -> None:
    """Model files in a folder, of which the site knows the first."""
    folder.mkdir(parents=True)
    for number in range(known):
        body = world.add_simple(f"Known {number}", size=SIZE).versions[0].files[0].body
        (folder / f"known {number}.safetensors").write_bytes(b"".join(map(bytes, body.views(0, body.size))))
    for number in range(unknown):
        (folder / f"own {number}.pt").write_bytes(os.urandom(SIZE))


def lies(models: Path, save: Path) -> Iterator[str]:
    """What hash cache, tree, rows and entries say that is not so, or that one of the others does not know."""
    tree = save / "library"
    truth = {str(path): digest(path) for path in models.iterdir()}
    yield from _wrong_trees(tree, set(truth.values()))
    store = next((save / name for name in STORES if (save / name / "data.mdb").exists()), None)
    if store is None:
        return
    with LmdbStore.open(store, read_only=True) as found:
        entries = {entry.version_id: entry for entry in found.entries()}
        for path, sha256 in truth.items():
            known = stamp(Path(path))
            cached = None if known is None else found.cached_digests(known)
            if cached is not None and cached.sha256 != sha256:
                yield f"the cache has another hash of {path}"
        for file in found.library_files():
            yield from _wrong_row(tree, file, truth.get(file.path), entries)


def _wrong_trees(tree: Path, hashes: set[str]) -> Iterator[str]:
    for path in tree.rglob("*.json"):
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            yield f"{path.name} is half written"
            continue
        if path.name.endswith("_hash.json") and content["hash_value"] not in hashes:
            yield f"{path.name} holds the hash of no file"


def _wrong_row(tree: Path, file: LibraryFile, sha256: str | None, entries: dict[int, Entry]) -> Iterator[str]:
    stem = tree / file.folder / file.folder
    if file.sha256 != sha256:
        yield f"the row of {file.path} has another hash"
    if not Path(f"{stem}_hash.json").is_file():
        yield f"{file.folder} has a row and no hash in the tree"
    if file.version_id is None:
        return
    entry = entries.get(file.version_id)
    records = [] if entry is None else [one for one in entry.files if one.path == file.path]
    if not records or records[0].status is not Status.DOWNLOADED:
        yield f"{file.path} is identified, and no entry has it"
    if not Path(f"{stem}_civitai_model_version.json").is_file():
        yield f"{file.path} is identified, and no answer is kept"


def _scan(moment: Callable[[Place, int], Moment], place: Place, number: int) -> Iterator[str]:
    site = place.closing.enter_context(sandbox())
    models = place.work / "models"
    filled(site.world, models, KNOWN, UNKNOWN)
    place.at(site.url)
    log = place.work / "log"
    words = ("library", "scan", str(models))
    debug = ("--log-level", "debug", "--log-format", "json", "--log-file", str(log))

    def reset() -> None:
        shutil.rmtree(place.save, ignore_errors=True)
        log.unlink(missing_ok=True)

    if kill_at(lambda: place.start(*debug, *words), lambda: moment(place, number), reset) is None:
        yield "it always ended before it could be killed"
    yield from lies(models, place.save)
    yield from _finished(place, models, words)


def _finished(place: Place, models: Path, words: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the run that nobody kills, and with one more."""
    ran = place.json(*words)
    yield from ran.faults()
    counts = ran.data.get("counts", {})
    if ran.code or len(ran.data.get("files", [])) != KNOWN + UNKNOWN or counts.get("missing") != UNKNOWN:
        yield f"the run after the kill ends with {ran.code} and {counts}"
    yield from lies(models, place.save)
    folders = [path for path in (place.save / "library").iterdir() if path.is_dir()]
    previews, facts = (sum(len(list(each.glob(f"*_preview_0.{end}"))) for each in folders) for end in ("png", "json"))
    if (len(folders), previews, facts) != (KNOWN + UNKNOWN, KNOWN, KNOWN):
        yield f"there are {len(folders)} folders, {previews} previews and facts about {facts} in the end"
    again = place.json(*words)
    wanted = {"identified": 0, "missing": UNKNOWN, "unchanged": KNOWN, "error": 0}
    if again.data.get("counts") != wanted or again.data.get("bytes") != 0:
        yield f"a third run says {again.data.get('counts')} and reads {again.data.get('bytes')} bytes"


def _read(place: Place, number: int) -> Moment:
    return logged(place.work / "log", "FileKept", number)


def _kept(place: Place, number: int) -> Moment:
    return files(place.save / "library", "*_hash.json", at_least=number)


def _pictures(place: Place, number: int) -> Moment:
    return files(place.save / "library", "*_preview_0.png", at_least=number)


def _moments() -> Iterator[tuple[str, Callable[[Place, int], Moment], tuple[int, ...]]]:
    yield "files read", _read, (1, 15, 30, 45, 60, 75, 90, 105, 120, 130)
    yield "hashes in the tree", _kept, (1, 10, 25, 40, 55, 60, 61, 75, 90, 100, 101, 128)
    yield "previews in the tree", _pictures, (1, 10, 20, 30, 39, 40, 41, 60)


def _jobs() -> list[Job]:
    return [
        job(f"scan, {what}: {number}", partial(_scan, moment, number=number))
        for what, moment, numbers in _moments()
        for number in numbers
    ]


KIND = Kind("library", 30, _jobs)
