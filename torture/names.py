"""Hostile names of models, versions, files and creators, laid out by several templates."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from torture.place import Place, Ran
from torture.site import Site
from torture.suite import BATCH, Job, Kind, Result
from torture.truth import digest, walk

TEMPLATES: Final = {
    "the default": (),
    "{file_name}": ("--path-template", "{file_name}"),
    "{file_stem}.{file_ext}": ("--path-template", "{file_stem}.{file_ext}"),
    "{model_name}/{version_name}/{file_name}": ("--path-template", "{model_name}/{version_name}/{file_name}"),
    "{first_tag}/{creator}{file_stem}": ("--path-template", "{first_tag}/{creator}{file_stem}"),
}
NAMES: Final = (
    # Names of the program's own.
    "x.part",
    "x.safetensors.part",
    "x.PART",
    "x.part.json",
    "x.safetensors.part.json",
    "x.tmp",
    "x.Tmp",
    "x.torrent",
    "x.safetensors.torrent",
    "x-magnet.txt",
    "X-MAGNET.TXT",
    ".civitai-kit.lock",
    ".CIVITAI-KIT.LOCK",
    "api.log",
    "API.LOG",
    "civitai_download_db",
    "Civitai_Download_Db",
    "civitai_kit_db",
    "civitai_download_db/data.mdb",
    "data.mdb",
    "lock.mdb",
    ".part",
    ".tmp",
    "part.json",
    # What other tools left would be cleaned away.
    "x.crdownload",
    "x.aria2",
    # Devices and other habits of Windows.
    "CON",
    "nul.safetensors",
    "aux.x.y",
    "COM1.safetensors",
    "LPT¹",
    "x.safetensors:stream",
    "trailing. . .",
    "x.safetensors ",
    # Ways out.
    "../../outside/x.safetensors",
    "..",
    "/etc/x.safetensors",
    "..\\..\\outside\\x.safetensors",
    "C:\\x.safetensors",
    "\\\\server\\share\\x.safetensors",
    "~root/x.safetensors",
    "%2e%2e%2fx.safetensors",
    "$HOME/x.safetensors",
    "a/../../x",
    # Characters.
    "nul\x00byte.safetensors",
    "line\nbreak.safetensors",
    "\x1b[31mred.safetensors",
    "\u202egnp.safetensors",
    "\u200bzero\ufeffwidth.safetensors",
    "half \ud800 letter.safetensors",
    "-rf.safetensors",
    "{file_id}.safetensors",
    "",
    " ",
    ".",
    '?*<>|".safetensors',
    # Lengths.
    "n" * 300 + ".safetensors",
    "ü" * 300 + ".safetensors",
    "x." + "e" * 300,
    # Twins.
    "caf\u00e9.safetensors",
    "cafe\u0301.safetensors",
    "twin.safetensors",
    "TWIN.safetensors",
    "twin.safetensors",
    "straße.safetensors",
    "STRASSE.safetensors",
)
_RESERVED = (".part", ".part.json", ".tmp", ".torrent", "-magnet.txt")
_OUR_NAMES = (".civitai-kit.lock", "api.log")
_OUR_FOLDERS = ("civitai_download_db", "civitai_kit_db")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])(\..*)?", re.IGNORECASE)


def _site(place: Place, names: Sequence[str]) -> Site:
    """A model for each name, which it has in every place."""
    site = place.closing.enter_context(Site())
    for model_id, name in enumerate(names, 1):
        model = {"name": name, "creator": {"username": name}, "tags": [name]}
        site.add(model_id, name, size=3000, model=model, version={"name": name}, file={"name": name})
    place.at(site.url)
    return site


def _try(template: str, flags: tuple[str, ...], names: Sequence[str], place: Place) -> Iterator[Result]:
    """Scan, carry out the plan, verify, clean, verify again; a result for each name."""
    site = _site(place, names)
    before = {path: digest(path) for path in walk(place.outside) if path.is_file()}
    found = _complaints(place, site, flags)
    if {path: digest(path) for path in walk(place.outside) if path.is_file()} != before:
        found.setdefault(1, []).append("something outside of the save path was written")
    for model_id, name in enumerate(names, 1):
        shown = name if len(name) < 40 else f"{name[:10]}… ({len(name)} characters)"
        said = (*found.get(0, []), *found.get(model_id, []))
        yield Result(f"{template}{BATCH}{shown!r}", said, place.last)


def _complaints(place: Place, site: Site, flags: tuple[str, ...]) -> dict[int, list[str]]:
    """Model id → what is wrong with it; 0 stands for all of them."""
    plan = place.work / "plan.json"
    found: dict[int, list[str]] = {}

    def complain(model_id: int | None, what: str) -> None:
        found.setdefault(model_id or 0, []).append(what)

    scan = place.json("scan", *map(str, site.models), "-o", str(plan), *flags)
    _faults(scan, complain)
    for model_id in _missing(site, scan, "items", "skips"):
        complain(model_id, "it vanished from the scan")
    items = scan.data.get("items", [])
    _judge_paths(items, complain)
    done = place.json("download", "--yes", "--plan", str(plan))
    _faults(done, complain)
    if done.code == 2:
        accepted = [item for item in items if _is_accepted(place, item, complain)]
        plan.write_text(json.dumps({"schema": 1, "items": accepted}))
        done = place.json("download", "--yes", "--plan", str(plan))
        _faults(done, complain)
    for row in done.data.get("failed", []):
        complain(row["model_id"], f"not fetched: {row['code']}: {row['message']}")
    _judge_disk(place, site, done, complain)
    return found


Complain = Callable[[int | None, str], None]


def _faults(ran: Ran, complain: Complain) -> None:
    for fault in ran.faults():
        complain(0, fault)


def _missing(site: Site, ran: Ran, *lists: str) -> set[int]:
    told = {row["model_id"] for name in lists for row in ran.data.get(name, [])}
    return set(site.models) - told - {row.get("model_id") for row in ran.errors}


def _judge_paths(items: Sequence[Mapping[str, Any]], complain: Complain) -> None:
    """Every path by its text; then whether a file system would take two for one."""
    keys = Counter(_key(item["path"]) for item in items)
    for item in items:
        for what in _wrong_with(item["path"]):
            complain(item["model_id"], f"{what}: {item['path']!r}")
        if keys[_key(item["path"])] > 1:
            complain(item["model_id"], f"shares its path: {item['path']!r}")


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _wrong_with(path: str) -> Iterator[str]:
    parts = path.split("/")
    low = parts[-1].casefold()
    if low.endswith(_RESERVED) or low in _OUR_NAMES or parts[0].casefold() in _OUR_FOLDERS:
        yield "a name of ours"
    if path.startswith(("/", "~")) or ".." in parts or "" in parts or "\\" in path:
        yield "a way out"
    if not path.isprintable() or any(unicodedata.bidirectional(letter) in _BIDI for letter in path):
        yield "characters that lie"
    for part in parts:
        if _DEVICES.fullmatch(part) or part != part.rstrip(". ") or re.search(r'[<>:"|?*]', part):
            yield "a name that Windows refuses"
        if len(part.encode("utf-8", "replace")) > 255:
            yield "a name too long"


_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _is_accepted(place: Place, item: Mapping[str, Any], complain: Complain) -> bool:
    """Our own plan was refused as a whole: whether this item is taken alone."""
    alone = place.work / "alone.json"
    alone.write_text(json.dumps({"schema": 1, "items": [item]}))
    ran = place.json("download", "--dry-run", "--plan", str(alone))
    if ran.code:
        complain(item["model_id"], f"our own plan is refused: {ran.errors[0]['message']}")
    return not ran.code


def _judge_disk(place: Place, site: Site, done: Ran, complain: Complain) -> None:
    """What was fetched is there, and stays there when `clean` has removed all that it removes."""
    of_path = {row["path"]: row["model_id"] for row in done.data.get("downloaded", [])}
    for path, model_id in of_path.items():
        if digest(place.save / path) != site.bodies[model_id * 100 + 1].sha256:
            complain(model_id, f"wrong bytes at {path!r}")
    clean = place.json("clean", "--torrents", "--magnets", "--parts", "--foreign")
    _faults(clean, complain)
    for path in set(clean.data.get("removed", [])) & set(of_path):
        complain(of_path[path], f"`clean` removes {path!r}, which is recorded as downloaded")
    verify = place.json("db", "verify")
    _faults(verify, complain)
    fine = {row["path"] for row in verify.data.get("findings", []) if row["finding"] == "ok"}
    for path in set(of_path) - fine:
        complain(of_path[path], f"not right after `clean`: {path!r}")


def _own_store(place: Place) -> Iterator[Result]:
    """A database of the user's own name, also in another case, is not written into."""
    names = ("mybase", "MyBase", "MYBASE", "mybase/data.mdb")
    place.env["CIVITAI_KIT_DATABASE_PATH"] = str(place.save / "MyBase")
    flags = ("--path-template", "{model_name}/{file_name}")
    yield from _try("a database named MyBase", flags, names, place)
    inside = [path.name for path in walk(place.save / "MyBase") if path.name not in ("data.mdb", "lock.mdb")]
    yield Result("a database named MyBase | nothing else in it", tuple(f"a download: {name}" for name in inside))


def _jobs() -> list[Job]:
    laid_out = [Job(template, partial(_try, template, flags, NAMES)) for template, flags in TEMPLATES.items()]
    return [*laid_out, Job("a database named MyBase", _own_store)]


KIND = Kind("names", 300, _jobs)
