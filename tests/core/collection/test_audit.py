"""What an audit says of a file, by what is remembered of it and what is on disk."""

from __future__ import annotations

from typing import Any

import pytest

from civitai_kit.core.collection.audit import Audit, Checked, deciding_digest, judge, judge_size
from civitai_kit.core.collection.entry import FileRecord, Finding, Status
from civitai_kit.core.errors import DiskFull, Interrupted, NotFound
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.report import Report

SHA, OTHER = "a" * 64, "b" * 64


def record(**fields: Any) -> FileRecord:
    return FileRecord(**{"path": "x", "size": 10, **fields})


@pytest.mark.parametrize(
    ("known", "size", "digests", "finding"),
    [
        (record(sha256=SHA), 10, Digests(sha256=SHA), Finding.OK),
        (record(sha256=SHA.upper()), 10, Digests(sha256=SHA), Finding.OK),
        (record(sha256=SHA), 10, Digests(sha256=OTHER), Finding.HASH_MISMATCH),
        # The site's size may be off, its SHA256 is not.
        (record(sha256=SHA, size=99), 10, Digests(sha256=SHA), Finding.OK),
        (record(blake3=SHA), 10, Digests(blake3=OTHER), Finding.HASH_MISMATCH),
        (record(crc32="0011aabb"), 10, Digests(crc32="bbaa1100"), Finding.OK),
        (record(), 10, None, Finding.NO_HASH),
        (record(size=None), 10, None, Finding.NO_HASH),
        (record(), 11, None, Finding.SIZE_MISMATCH),
        (record(proved={"sha256": SHA}), 10, Digests(sha256=SHA), Finding.NO_HASH),
        (record(proved={"sha256": SHA}), 10, Digests(sha256=OTHER), Finding.HASH_MISMATCH),
        (record(sha256=SHA), 10, None, Finding.OK),
        (record(sha256=SHA), 11, None, Finding.SIZE_MISMATCH),
        (record(sha256=SHA, kept_mismatch=True), 10, None, Finding.HASH_MISMATCH),
        (record(sha256=SHA, kept_mismatch=True), 10, Digests(sha256=OTHER), Finding.HASH_MISMATCH),
        (record(sha256=SHA, kept_mismatch=True), 10, Digests(sha256=SHA), Finding.OK),
        # Above 13 GB the site's size has ten significant digits.
        (record(size=20 * 10**9), 20 * 10**9 + 15, None, Finding.NO_HASH),
    ],
)
def test_the_strongest_promise_decides(known: FileRecord, size: int, digests: Digests | None, finding: Finding) -> None:
    assert judge(known, size, digests) is finding


def test_a_length_speaks_for_itself_only_where_it_was_measured_here() -> None:
    assert judge_size(record(), None) is Finding.MISSING
    assert judge_size(record(sha256=SHA), 11) is None
    assert judge_size(record(sha256=SHA, proved={"sha256": SHA}), 11) is Finding.SIZE_MISMATCH
    assert judge_size(record(sha256=SHA, proved={"sha256": SHA}), 10) is None


def test_one_digest_is_enough() -> None:
    assert deciding_digest(record(sha256=SHA, blake3=SHA, crc32="0" * 8)) == "sha256"
    assert deciding_digest(record(blake3=SHA, crc32="0" * 8, proved={"sha256": SHA})) == "blake3"
    assert deciding_digest(record(proved={"sha256": SHA})) == "sha256"
    assert deciding_digest(record()) is None


def row(finding: Finding) -> Checked:
    return Checked(version_id=1, model_id=1, file_id=1, path="x", status=Status.DOWNLOADED, finding=finding)


@pytest.mark.parametrize("finding", Finding)
def test_the_exit_code_is_8_when_something_is_wrong(finding: Finding) -> None:
    wrong = finding not in (Finding.OK, Finding.NO_HASH)
    audit = Audit(rows=(row(Finding.OK), row(finding)))
    assert audit.exit_code == (8 if wrong else 0)
    assert len(audit.error_rows()) == wrong
    assert sum(audit.counts().values()) == 2


def test_what_ended_the_repair_comes_before_8() -> None:
    audit = Audit(rows=(row(Finding.MISSING),), repair=Report(errors=(NotFound("gone"),)))
    assert audit.exit_code == 8
    assert Audit(rows=audit.rows, repair=Report(errors=(DiskFull("full"),))).exit_code == 9
    assert Audit(rows=audit.rows, repair=Report(errors=(Interrupted("stop"),))).exit_code == 130
