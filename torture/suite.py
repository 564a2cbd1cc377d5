"""Jobs, their results, the pool that runs them, and the table at the end."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from torture.place import Place

WORKERS = 3
# What only a busy machine does wrong: such a job is tried once more, alone.
SLOW = "took "
MOST_SHOWN = 3
# In the name of a result: before it the job, behind it which of its results.
BATCH = " | "


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that was tried: what was wrong (nothing when it held), and the command line that showed it."""

    name: str
    complaints: tuple[str, ...] = ()
    command: str = ""
    note: str = ""

    @property
    def held(self) -> bool:
        """Whether nothing was wrong."""
        return not self.complaints


@dataclass(frozen=True, slots=True)
class Job:
    """Something to try in a folder of its own; it may be several results at once."""

    name: str
    run: Callable[[Place], Iterable[Result]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of ill treatment: its jobs, and how many results there are to be at least."""

    name: str
    wanted: int
    jobs: Callable[[], list[Job]]


def job(name: str, attempt: Callable[[Place], Iterable[str]]) -> Job:
    """A job of one result: `attempt` gives what is wrong, and nothing where all is well."""

    def run(place: Place) -> list[Result]:
        complaints = tuple(attempt(place))
        return [Result(name, complaints, place.last)]

    return Job(name, run)


def try_all(jobs: Sequence[Job], *, workers: int = WORKERS, keep: bool = False) -> list[Result]:
    """Run the jobs a few at a time; those that were merely slow once more, one by one."""
    base = Path(tempfile.mkdtemp(prefix="torture-"))
    try:
        with ThreadPoolExecutor(workers) as pool:
            tried = list(pool.map(lambda at: _try(base, at, jobs[at], keep), range(len(jobs))))
        again = [at for at, results in enumerate(tried) if any(_only_slow(result) for result in results)]
        for at in again:
            tried[at] = _try(base, len(jobs) + at, jobs[at], keep)
        return [result for results in tried for result in results]
    finally:
        if keep:
            print(f"kept: {base}", file=sys.stderr)
        else:
            shutil.rmtree(base, ignore_errors=True)


def _try(base: Path, number: int, wanted: Job, keep: bool) -> list[Result]:
    place = Place.make(base / f"{number}")
    try:
        return list(wanted.run(place))
    except Exception as error:  # noqa: BLE001 — one broken job must not hide what the others found
        return [Result(wanted.name, (f"the suite itself failed: {type(error).__name__}: {error}",), place.last)]
    finally:
        place.close()
        if not keep:
            shutil.rmtree(place.root, ignore_errors=True)


def _only_slow(result: Result) -> bool:
    return bool(result.complaints) and all(SLOW in complaint for complaint in result.complaints)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a kind."""

    kind: Kind
    results: Sequence[Result]
    seconds: float

    @property
    def held(self) -> int:
        """How many held."""
        return sum(result.held for result in self.results)


def tally(kind: Kind, pattern: str, *, keep: bool) -> Tally:
    """Try a kind, or those of its jobs whose name holds `pattern`."""
    begun = time.monotonic()
    jobs = [each for each in kind.jobs() if pattern in each.name]
    return Tally(kind, try_all(jobs, keep=keep), time.monotonic() - begun)


def table(tallies: Sequence[Tally]) -> Iterator[str]:
    """The lines of the table at the end, then what did not hold."""
    yield f"{'kind':<8} {'tried':>6} {'held':>6} {'seconds':>8}"
    for each in tallies:
        yield f"{each.kind.name:<8} {len(each.results):>6} {each.held:>6} {each.seconds:>8.0f}"
    for each in tallies:
        yield from (f"{each.kind.name}: {result.note}" for result in each.results if result.note)
    for each in tallies:
        for result in each.results:
            if not result.held:
                yield from _failure(each.kind, result)


def _failure(kind: Kind, result: Result) -> Iterator[str]:
    yield f"\nNOT HELD  {kind.name}: {result.name}"
    for complaint in result.complaints[:MOST_SHOWN]:
        yield f"    {complaint}"
    if len(result.complaints) > MOST_SHOWN:
        yield f"    … and {len(result.complaints) - MOST_SHOWN} more"
    yield "    make torture ONLY=" + shlex.quote(f"{kind.name}:{result.name.split(BATCH)[0]}")
    if result.command:
        yield f"    {result.command}"
