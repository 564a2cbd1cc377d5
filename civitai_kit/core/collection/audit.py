"""The judgement of recorded files: the digest that decides, the finding of each file, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.collection.entry import Entry, FileRecord, Finding, Status, entry_key
from civitai_kit.core.errors import ENDS_RUN, Exit, exit_code_of
from civitai_kit.core.plans.digests import DigestName, Digests
from civitai_kit.core.plans.order import Proof, Verdict, size_tolerance
from civitai_kit.core.plans.report import Report

# In the order in which a person reads them: worst first.
WRONG = (Finding.MISSING, Finding.HASH_MISMATCH, Finding.SIZE_MISMATCH, Finding.UNREADABLE)

_WORDS: dict[Finding, str] = {
    Finding.OK: "is right",
    Finding.NO_HASH: "has its size, and the site gives no hash to prove more",
    Finding.MISSING: "is missing",
    Finding.SIZE_MISMATCH: "has the wrong size",
    Finding.HASH_MISMATCH: "is not what the site promises: its hash differs",
    Finding.UNREADABLE: "cannot be read",
}
_FETCH = "`civitai-kit db verify --yes` fetches it again."
_MEND = "Mend the permissions or the disk, or let `civitai-kit db verify --yes` fetch it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One recorded file and its finding; `size` is its length on disk in bytes, None where it is not to be had."""

    version_id: int
    model_id: int | None
    file_id: int | None
    path: str
    status: Status
    finding: Finding
    size: int | None = None
    why: str | None = None

    @property
    def key(self) -> str:
        """The key of its entry in the database, `v_<version id>`."""
        return entry_key(self.version_id)

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be done about it."""
        return self.finding in WRONG

    @property
    def words(self) -> str:
        """The finding in words, to stand after the path."""
        return self.why or _WORDS[self.finding]

    def as_row(self) -> dict[str, Any]:
        """The file as one row of `findings[]`."""
        return {
            "key": self.key,
            "version_id": self.version_id,
            "model_id": self.model_id,
            "file_id": self.file_id,
            "path": self.path,
            "status": str(self.status),
            "finding": str(self.finding),
            "size": self.size,
        }

    def as_error(self) -> dict[str, Any]:
        """The file as one row of `errors[]`; the finding is its code."""
        row = {
            "code": str(self.finding),
            "message": f"{self.path} {self.words}.",
            "hint": _MEND if self.finding is Finding.UNREADABLE else _FETCH,
            "model_id": self.model_id,
            "version_id": self.version_id,
            "file_id": self.file_id,
            "path": self.path,
        }
        return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of a verify: a row for every recorded file, the sidecars restored, and the repair's report if any."""

    rows: tuple[Checked, ...] = ()
    restored: tuple[str, ...] = ()
    repair: Report | None = None

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """The rows about which something has to be done."""
        return tuple(row for row in self.rows if row.is_wrong)

    @property
    def exit_code(self) -> int:
        """0, 8 when something is and stays wrong, or the number of what ended the repair."""
        ended = [error.code for error in self._repair_errors() if error.code in ENDS_RUN]
        if ended:
            return exit_code_of(ended, succeeded=False)
        return Exit.VERIFICATION if self.wrong else Exit.DONE

    def counts(self) -> dict[str, int]:
        """Finding → how many; only those that occur."""
        found = Counter(row.finding for row in self.rows)
        return {str(finding): found[finding] for finding in Finding if found[finding]}

    def as_json(self) -> dict[str, Any]:
        """The `data` of `db verify --json`; after a repair also what was fetched and what could not be."""
        data = {
            "checked": len(self.rows),
            "findings": [row.as_row() for row in self.rows],
            "counts": self.counts(),
            "restored": list(self.restored),
        }
        if self.repair is None:
            return data
        fetched = self.repair.as_json()
        return {**data, **{name: fetched[name] for name in ("downloaded", "failed", "bytes", "resumed_bytes")}}

    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of `errors[]`: every wrong file, then why it could not be fetched again."""
        return [row.as_error() for row in self.wrong] + (self.repair.error_rows() if self.repair else [])

    def _repair_errors(self) -> Iterable[Any]:
        if self.repair is None:
            return []
        return [*(failure.error for failure in self.repair.failed), *self.repair.errors]


def proof_of_record(record: FileRecord) -> Proof:
    """What a recorded file must match: the digests that the site promised, else those that were measured."""
    if record.sha256 or record.blake3 or record.crc32:
        return Proof(sha256=record.sha256, blake3=record.blake3, crc32=record.crc32, size=record.size)
    own = record.proved
    return Proof(sha256=own.get("sha256"), blake3=own.get("blake3"), crc32=own.get("crc32"), size=record.size)


def deciding_digest(record: FileRecord) -> str | None:
    """The digest that decides about a recorded file; None where only its size can."""
    proof = proof_of_record(record)
    for name in (DigestName.SHA256, DigestName.BLAKE3, DigestName.CRC32):
        if getattr(proof, name):
            return str(name)
    return None


def judge_size(record: FileRecord, size: int | None) -> Finding | None:
    """What a file's length alone says: missing, or changed since it was measured; None when it says nothing yet.

    The site's own `sizeKB` may be off, so a length is only held against one that was measured here.
    """
    if size is None:
        return Finding.MISSING
    measured = bool(record.proved) and record.size is not None
    return Finding.SIZE_MISMATCH if measured and size != record.size else None


def judge(record: FileRecord, size: int, digests: Digests | None) -> Finding:
    """What the bytes say; `digests` None means that they were not hashed."""
    proof = proof_of_record(record)
    promised = bool(record.sha256 or record.blake3 or record.crc32)
    if digests is None or deciding_digest(record) is None:
        if record.kept_mismatch:
            return Finding.HASH_MISMATCH
        if record.size is not None and abs(record.size - size) > size_tolerance(record.size):
            return Finding.SIZE_MISMATCH
        return Finding.OK if promised else Finding.NO_HASH
    if proof.judge(digests, size) is not Verdict.RIGHT:
        return Finding.HASH_MISMATCH
    return Finding.OK if promised else Finding.NO_HASH


def checked(entry: Entry, record: FileRecord, finding: Finding, size: int | None, why: str | None = None) -> Checked:
    """The row of one file of an entry."""
    return Checked(
        version_id=entry.version_id,
        model_id=entry.model_id,
        file_id=record.file_id,
        path=record.path,
        status=record.status,
        finding=finding,
        size=size,
        why=why,
    )
