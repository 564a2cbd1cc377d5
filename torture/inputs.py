"""Bad inputs to every command: each is refused in words, with a hint, quickly, and as one JSON object when asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from torture.inputs_files import IMPORTS, LISTS, PLANS, SETTINGS
from torture.inputs_library import CATALOGS, LIBRARY_LINES, MODELS, SIDECARS
from torture.inputs_lines import ENVIRONMENT, LINES
from torture.place import Place, Ran
from torture.site import Site
from torture.suite import Job, Kind, job

LONGEST_SENTENCE = 1000
# A sentence that says what would have been right needs no hint below it.
HELPS = "expected"
# No flag and no variable lies over what stands in the file.
SETTINGS_LINE = ("--config", "bad.toml", "config", "show")
_ENDINGS = {
    "civitai.info": ".civitai.info",
    "a1111": ".json",
    "lora-manager": ".metadata.json",
    "stability-matrix": ".cm-info.json",
    "swarm": ".swarm.json",
}


@dataclass(frozen=True, slots=True)
class Bad:
    """A command line, what lies in its working folder, and the exit codes that would be right."""

    name: str
    words: tuple[str, ...]
    ends: frozenset[int]
    files: Mapping[str, bytes] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


def cases() -> Iterator[Bad]:
    """All of them."""
    for words, ends in (*LINES, *LIBRARY_LINES):
        name = " ".join(word if len(word) < 40 else f"{word[:12]}… ({len(word)} characters)" for word in words)
        yield Bad(repr(name)[1:-1], words, frozenset(ends))
    for name, env, ends in ENVIRONMENT:
        yield Bad(f"variable: {name}", ("scan", "1"), frozenset(ends), env=env)
    for name, content, ends in PLANS:
        yield _of_file(f"plan: {name}", ("download", "--yes", "--plan", "bad.json"), "bad.json", content, ends)
    for name, content, ends in LISTS:
        yield _of_file(f"list: {name}", ("scan", "--from-file", "bad.txt"), "bad.txt", content, ends)
    for name, content, ends in SETTINGS:
        yield _of_file(f"settings: {name}", SETTINGS_LINE, "bad.toml", content, ends)
    for name, content, ends in IMPORTS:
        yield _of_file(f"import: {name}", ("db", "import", "bad.dat"), "bad.dat", content, ends)
    yield from _library_cases()


def _library_cases() -> Iterator[Bad]:
    for name, file, content in MODELS:
        words = ("library", "scan", "models", "--images", "none")
        yield _of_file(f"model file: {name}", words, f"models/{file}", content, (0,) if content else (9,))
    for name, content in CATALOGS:
        for what in ("map", "add 11", "promote 11", "remove x.safetensors"):
            line = ("catalog", *what.split(), "--catalog-dir", "catalog")
            yield _of_file(f"catalog: {name}: {what}", line, "catalog/models.json", content, (10,))
    for name, form, content in SIDECARS:
        other = "swarm" if form == "a1111" else "a1111"
        line = ("library", "sidecars", "models", "--from", form, "--to", other, "--yes")
        files = {"models/x.safetensors": b"x", f"models/x{_ENDINGS[form]}": content}
        yield Bad(f"sidecar: {name}", line, frozenset({0, 2, 7, 9}), files)


def _of_file(name: str, words: tuple[str, ...], file: str, content: bytes, ends: tuple[int, ...]) -> Bad:
    return Bad(name, words, frozenset(ends), {file: content})


def attempt(case: Bad, place: Place) -> Iterator[str]:
    """What is wrong with how a case is met: by a person's run, then by a program's."""
    site = place.closing.enter_context(Site())
    site.add(1)
    bare = case.words == SETTINGS_LINE
    if not bare:
        place.at(site.url, "--retries", "0")
    (place.work / "a_file").write_bytes(b"not a folder")
    for name, content in case.files.items():
        path = place.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for asked in ((), ("--json",)):
        ran = place.run(*asked, *case.words, env=case.env, bare=bare, save="--save-path" not in case.words)
        yield from ran.faults()
        if ran.code not in case.ends:
            yield f"exit {ran.code}, not {' or '.join(map(str, sorted(case.ends)))}: {_said(ran)}"
        elif ran.code:
            yield from _rows(ran) if asked else _sentences(ran)


def _sentences(ran: Ran) -> Iterator[str]:
    """What is wrong with what a person reads."""
    lines = ran.err.decode("utf-8", "replace").splitlines()
    told = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    if not told:
        yield f"no sentence on stderr: {_said(ran)}"
        return
    if HELPS not in lines[told[0]] and not any(line.startswith("       ") for line in lines[told[0] :]):
        yield f"no hint on stderr: {lines[told[0]][:160]}"
    yield from (f"a line of {len(line)} characters" for line in lines if len(line) > LONGEST_SENTENCE)
    yield from (f"a control character in {line[:80]!r}" for line in lines if not line.replace("\t", "").isprintable())


def _rows(ran: Ran) -> Iterator[str]:
    """What is wrong with the errors that a program reads."""
    if not ran.errors:
        yield f"exit {ran.code} and no errors[] row"
    for row in ran.errors[:5]:
        if not (row.get("code") and row.get("message")):
            yield f"a row without code or message: {str(row)[:160]}"
        elif not row.get("hint") and HELPS not in row["message"]:
            yield f"a row without a hint: {str(row)[:160]}"


def _said(ran: Ran) -> str:
    said = (ran.err or ran.out).decode("utf-8", "replace").strip().splitlines()
    return said[0][:160] if said else "(nothing said)"


def _jobs() -> list[Job]:
    return [job(case.name, partial(attempt, case)) for case in cases()]


KIND = Kind("inputs", 250, _jobs)
