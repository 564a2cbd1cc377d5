"""Links, FIFOs, devices, sparse giants and folders, where the program's own files are to lie and where a user's do."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torture import links_named
from torture.place import Place, Ran
from torture.plants import GET, PLANTS, VICTIM, Plant, folder, sparse, two_models
from torture.site import Site
from torture.suite import Job, Kind, job
from torture.truth import STORES, digest, models, wrong_bytes

FINAL = "lora/sdxl_1.0/model_1/1-file1/v1/11_file1.safetensors"
STORE = f"{STORES[0]}/data.mdb"


def _harm(place: Place) -> Iterator[str]:
    """What happened to what lies outside of the save path."""
    path = place.outside / "victim"
    if path.exists() and (path.read_bytes() != VICTIM or stat.S_IMODE(path.stat().st_mode) != 0o640):
        yield "written through to what the user holds dear"
    if (place.outside / "not there").exists():
        yield "written through a link to nothing"


# -- where the program's own files are to lie ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spot:
    """A path under the save path where a file of ours is to lie, and the command that meets it there.

    `one_item` says that it concerns one item alone, and the other is to come all the same.
    """

    path: str
    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    one_item: bool = False
    but: frozenset[str] = frozenset()


_PICTURE = "images/Username_Search/maker/no_metadata/1001.png"
SPOTS: dict[str, Spot] = {
    "the part file": Spot(f"{FINAL}.part", GET, one_item=True),
    "the journal": Spot(f"{FINAL}.part.json", GET, one_item=True),
    "the lock": Spot(".civitai-kit.lock", GET),
    "api.log": Spot("api.log", ("--log-api", *GET)),
    "the sidecar": Spot(FINAL.replace(".safetensors", ".json"), (*GET, "--metadata"), one_item=True),
    "the database": Spot(STORE, GET, but=frozenset({"a link to nothing"})),
    "the database's lock": Spot(f"{STORES[0]}/lock.mdb", GET),
    "the torrent": Spot(
        FINAL.replace(".safetensors", ".torrent"), ("torrent", "--announce", "http://tracker.example/a"), (GET,)
    ),
    "the magnet file": Spot(
        FINAL.replace(".safetensors", "-magnet.txt"),
        ("torrent", "--announce", "http://tracker.example/a", "--magnet-links"),
        (GET,),
    ),
}


def _planted(spot: Spot, plant: Plant, place: Place) -> Iterator[str]:
    """Nothing is written through what was planted, nothing hangs, and what could not be done is said."""
    site = two_models(place)
    for words in spot.before:
        place.run(*words)
    at = place.save / spot.path
    at.parent.mkdir(parents=True, exist_ok=True)
    plant(at, place)
    ran = place.json(*spot.words)
    yield from ran.faults()
    yield from _harm(place)
    yield from wrong_bytes(place.save, site.promised)
    yield from _said(ran)
    if spot.one_item and not _other_came(place, site):
        yield "the other file was not fetched"
    if at.is_dir() and not at.is_symlink() and plant is folder and not (at / "kept").exists():
        yield "a folder of the user's was removed"
    for words in (("db", "view"), ("clean", "--parts"), ("db", "verify")):
        after = place.json(*words)
        yield from after.faults()
    yield from _harm(place)


def _said(ran: Ran) -> Iterator[str]:
    """A run that could not do all of its work says so."""
    if ran.code and not ran.errors and not ran.data.get("failed"):
        yield f"exit {ran.code}, and no error says why"


def _other_came(place: Place, site: Site) -> bool:
    size, wanted = site.bodies[201].size, site.bodies[201].sha256
    return any(digest(path) == wanted for path in models(place.save) if path.stat().st_size == size)


# -- a final name, which may be the user's link ----------------------------------------------------------------


def _final(plant: Plant, place: Place) -> Iterator[str]:
    """A final name that is a link stays one; whatever is there, the other file comes."""
    site = two_models(place)
    at = place.save / FINAL
    at.parent.mkdir(parents=True)
    plant(at, place)
    was_link = at.is_symlink()
    ran = place.json(*GET)
    yield from ran.faults()
    if not ran.code:
        yield from wrong_bytes(place.save, site.promised)
    if was_link and not at.is_symlink():
        yield "a link of the user's was replaced by a file"
    if plant is folder and not (at / "kept").exists():
        yield "a folder of the user's was removed"
    if not _other_came(place, site):
        yield "the other file was not fetched"
    yield from _said(ran)


def _picture_tmp(plant: Plant, place: Place) -> Iterator[str]:
    """The temporary file of a picture."""
    two_models(place)
    at = place.save / f"{_PICTURE}.tmp"
    at.parent.mkdir(parents=True)
    for path in (at, at.with_name("1001.jpeg.tmp"), at.with_name("1001.tmp")):
        plant(path, place)
    ran = place.json("images", "--username", "maker")
    yield from ran.faults()
    yield from _harm(place)
    yield from _said(ran)


# -- folders that the user has linked --------------------------------------------------------------------------


def _linkedfolder(where: str, place: Place) -> Iterator[str]:
    """A folder moved to another disk and linked back is followed: files go there, and are deleted there."""
    site = two_models(place)
    elsewhere = place.outside / "disk"
    elsewhere.mkdir()
    at = place.save / where
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(elsewhere)
    ran = place.json("download", "1", "2", "--yes", "--metadata")
    yield from ran.faults()
    if ran.code or len(ran.data.get("downloaded", [])) != 2:
        yield f"not followed: exit {ran.code}: {ran.errors[:1]}"
        return
    inside = [path for folder in (place.save, elsewhere) for path in folder.rglob("*.safetensors")]
    if {digest(path) for path in inside} != site.promised:
        yield "the files are not there"
    for words in (("db", "verify"), ("torrent", "--announce", "http://tracker.example/a"), ("clean",)):
        after = place.json(*words)
        yield from after.faults()
        if after.code:
            yield f"{words[0]} ends with {after.code}: {after.errors[:1]}"
    gone = place.json("db", "delete", "--username", "maker", "--yes")
    if gone.code or any(path.exists() for path in inside):
        yield f"db delete ends with {gone.code} and leaves files behind"
    if not at.is_symlink():
        yield "the user's link was removed"


_FOLDERS = (".", "lora", "lora/sdxl_1.0/model_1", str(Path(FINAL).parent), STORES[0])


def _jobs() -> list[Job]:
    jobs = [
        job(f"{what} where {where} is to lie", partial(_planted, spot, plant))
        for where, spot in SPOTS.items()
        for what, plant in PLANTS.items()
        if what not in spot.but
    ]
    jobs += [
        job(f"{what} under the final name", partial(_final, plant))
        for what, plant in PLANTS.items()
        if plant is not sparse
    ]
    jobs += [job(f"{what} where a picture begins", partial(_picture_tmp, plant)) for what, plant in PLANTS.items()]
    jobs += [job(f"a linked folder: {where}", partial(_linkedfolder, where)) for where in _FOLDERS]
    return [*jobs, *links_named.jobs()]


KIND = Kind("links", 80, _jobs)
