"""The site's digests: its own test vectors, real records with their bytes, and any way of cutting the bytes."""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from pathlib import Path

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit.core.plans.digests import ALL, FIRST_HALF, SECOND_HALF, Digester, Digests

RECORDS = Path(__file__).parents[4] / "shared" / "data"
MIB = 1024 * 1024


def digests_of(content: bytes, names: frozenset[str] = ALL, step: int = 1 << 20) -> Digests:
    digester = Digester(names)
    view = memoryview(content)
    for start in range(0, len(content), step):
        digester.update(view[start : start + step])
    return digester.digests()


def test_hello_world_has_the_digests_of_the_sites_own_test() -> None:
    assert digests_of(b"hello world") == Digests(
        sha256="b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        auto_v1=None,
        auto_v2="b94d27b993",
        auto_v3=hashlib.sha256(b"rld").hexdigest()[:12],
        blake3="d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
        crc32="85114a0d",
    )


def test_site_names_leave_out_what_does_not_apply() -> None:
    named = digests_of(b"hello world").as_site_names()
    assert list(named) == ["SHA256", "AutoV2", "AutoV3", "BLAKE3", "CRC32"]
    assert named["CRC32"] == "85114a0d"


def test_an_empty_file_has_no_auto_v1_and_no_auto_v3() -> None:
    found = digests_of(b"")
    assert (found.auto_v1, found.auto_v3) == (None, None)
    assert found.sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(("size", "has"), [(2 * MIB - 1, False), (2 * MIB, True)])
def test_auto_v1_begins_at_two_mebibytes(size: int, has: bool) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    window = hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]
    assert digests_of(content[:size]).auto_v1 == (window if has else None)


def test_auto_v3_skips_a_header_and_hashes_the_tensors() -> None:
    header, tensors = b'{"a":1}', b"tensor bytes"
    content = len(header).to_bytes(8, "little") + header + tensors
    assert digests_of(content).auto_v3 == hashlib.sha256(tensors).hexdigest()[:12]


def test_auto_v3_keeps_a_header_of_sixteen_mebibytes() -> None:
    content = (16 * MIB).to_bytes(8, "little") + b"not skipped"
    assert digests_of(content).auto_v3 == hashlib.sha256(b"not skipped").hexdigest()[:12]


@given(st.binary(max_size=3000), st.integers(1, 700))
def test_cutting_the_bytes_never_changes_the_digests(content: bytes, step: int) -> None:
    assert digests_of(content, step=step) == digests_of(content)


@given(st.integers(0, 40), st.binary(max_size=60), st.integers(1, 9))
def test_auto_v3_is_the_hash_after_the_header_however_it_is_cut(length: int, rest: bytes, step: int) -> None:
    content = length.to_bytes(8, "little") + rest
    assert digests_of(content, step=step).auto_v3 == hashlib.sha256(rest[length:]).hexdigest()[:12]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1000, 400_000), min_size=1, max_size=12))
def test_auto_v1_finds_its_window_however_the_bytes_are_cut(steps: list[int]) -> None:
    content = _PATTERN
    digester, start = Digester(frozenset({"auto_v1"})), 0
    while start < len(content):
        step = steps[start % len(steps)]
        digester.update(memoryview(content)[start : start + step])
        start += step
    assert digester.digests().auto_v1 == hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]


@given(st.binary(max_size=300))
def test_the_two_halves_joined_are_the_whole(content: bytes) -> None:
    first, second = digests_of(content, FIRST_HALF), digests_of(content, SECOND_HALF)
    assert first.joined(second) == second.joined(first) == digests_of(content)


@given(st.binary(max_size=300))
def test_each_digest_is_the_libraries(content: bytes) -> None:
    found = digests_of(content)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.blake3 == blake3.blake3(content).hexdigest()
    assert found.crc32 == zlib.crc32(content).to_bytes(4, "little").hex()


def test_only_what_was_asked_for_is_computed() -> None:
    assert digests_of(b"x", frozenset({"crc32"})) == Digests(crc32=digests_of(b"x").crc32)


def test_digests_may_be_asked_for_on_the_way() -> None:
    digester = Digester()
    digester.update(memoryview(b"hello "))
    digester.digests()
    digester.update(memoryview(b"world"))
    assert digester.digests() == digests_of(b"hello world")


def _pairs() -> list[tuple[Path, Path]]:
    """Records of the site beside the very bytes they describe, as the table of the folder names them."""
    readme = RECORDS / "README.md"
    rows = readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []
    found = []
    for row in rows:
        if row.startswith("| hash-pair |") and "binary is " in row:
            record = row.split("`")[1]
            binary = row.split("binary is ")[1].strip(" |")
            found.append((RECORDS / "hash-pair" / record, RECORDS / binary))
    return found


@pytest.mark.parametrize(("record", "binary"), _pairs(), ids=lambda path: path.name)
def test_real_bytes_have_the_digests_that_the_site_printed(record: Path, binary: Path) -> None:
    printed = json.loads(record.read_text(encoding="utf-8"))["hashes"]
    found = digests_of(binary.read_bytes()).as_site_names()
    known = {name: value.lower() for name, value in printed.items() if name in found}
    assert known
    assert {name: found[name] for name in known} == known


_PATTERN = array("I", range(2 * MIB // 4)).tobytes()
