"""Kill -9 of the commands that work on this disk alone: import, delete, torrents."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from torture.moments import files, grown, kill_at
from torture.place import Place
from torture.site import Site
from torture.truth import models, wrong_bytes

COLLECTION = 60


def _collection(place: Place) -> Site:
    """Many small files, downloaded; the save path is put aside in `work/whole`."""
    site = place.closing.enter_context(Site())
    for model_id in range(1, COLLECTION + 1):
        site.add(model_id, size=2_000)
    place.at(site.url)
    place.run("download", *map(str, site.models), "--yes")
    place.save.rename(place.work / "whole")
    return site


def _restore(place: Place) -> None:
    shutil.rmtree(place.save, ignore_errors=True)
    shutil.copytree(place.work / "whole", place.save)


def kill_delete(place: Place, number: int) -> Iterator[str]:
    """Killed when so many files are gone."""
    site = _collection(place)
    words = ("db", "delete", "--username", "maker", "--yes")
    gone = files(place.save, "*.safetensors", at_least=1, at_most=COLLECTION - number)
    if kill_at(lambda: place.start(*words), lambda: gone, lambda: _restore(place)) is None:
        yield "it always ended before it could be killed"
    yield from wrong_bytes(place.save, site.promised)
    remembered = {file["path"] for row in place.json("db", "view").data["entries"] for file in row["files"]}
    orphans = {str(path.relative_to(place.save)) for path in models(place.save)} - remembered
    yield from (f"forgotten, and still there: {path}" for path in sorted(orphans))
    ran = place.json(*words)
    yield from ran.faults()
    if ran.code or models(place.save) or place.json("db", "view").data["entries"]:
        yield f"the run after the kill ends with {ran.code} and leaves {len(models(place.save))} files"


def kill_torrents(place: Place, number: int) -> Iterator[str]:
    """Killed when so many torrents are there."""
    _collection(place)
    words = ("torrent", "--announce", "http://tracker.example/announce", "--magnet-links", "-c", "2")
    made = files(place.save, "*.torrent", at_least=number)
    if kill_at(lambda: place.start(*words), lambda: made, lambda: _restore(place)) is None:
        yield "it always ended before it could be killed"
    for path in place.save.rglob("*.torrent"):
        if not path.read_bytes().endswith(b"ee"):
            yield f"half a torrent: {path.name}"
    ran = place.json(*words)
    yield from ran.faults()
    made_in_all = len(list(place.save.rglob("*.torrent"))), len(list(place.save.rglob("*-magnet.txt")))
    if ran.code or made_in_all != (COLLECTION, COLLECTION):
        yield f"the run after the kill ends with {ran.code}; torrents and magnets: {made_in_all}"


def kill_import(place: Place, number: int) -> Iterator[str]:
    """Killed when the database has been written to so many times."""
    _collection(place)
    place.save.mkdir()
    lines = _many_lines(place)
    words = ("db", "import", "many.jsonl")
    data = place.save / "civitai_download_db" / "data.mdb"

    def reset() -> None:
        shutil.rmtree(place.save, ignore_errors=True)

    if kill_at(lambda: place.start(*words), lambda: grown(data, number), reset) is None:
        yield "it always ended before it could be killed"
    ran = place.json(*words)
    yield from ran.faults()
    entries = place.json("db", "stats").data.get("entries")
    if ran.code or entries != lines:
        yield f"the run after the kill ends with {ran.code}, and {entries} of {lines} entries are there"


def _many_lines(place: Place, copies: int = 200) -> int:
    """An export of thousands of entries in the working folder; gives how many."""
    place.save.rmdir()
    _restore(place)
    place.run("db", "export", "one.jsonl")
    head, line, *_ = (place.work / "one.jsonl").read_text().splitlines()
    lines = [line.replace('"version_id":', f'"version_id":{1000 + copy}', 1) for copy in range(copies * 60)]
    (place.work / "many.jsonl").write_text("\n".join((head, *lines)) + "\n")
    return len(lines)
