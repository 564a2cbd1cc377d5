"""Bad files: plans, lists, settings and things to import; each with the exit codes that would be right."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from torture.inputs_lines import LONG

File = tuple[str, bytes, tuple[int, ...]]
_DEEP = b"[" * 100_000
_JUNK = random.Random(1).randbytes(5000)
_BIG_NUMBER = b"9" * 5000
_NO_JSON = (
    ("nothing", b""),
    ("spaces", b" \n\t "),
    ("half a brace", b"{"),
    ("an empty object", b"{}"),
    ("an empty list", b"[]"),
    ("null", b"null"),
    ("a number", b"5"),
    ("a number of 5,000 digits", _BIG_NUMBER),
    ("not a number", b'{"schema": NaN}'),
    ("100,000 levels", _DEEP),
    ("100,000 levels of objects", b'{"a":' * 100_000),
    ("random bytes", _JUNK),
    ("zeros", bytes(5000)),
    ("UTF-16", '{"schema": 1, "items": 5}'.encode("utf-16")),
    ("a gzip", gzip.compress(b"{}")),
    ("a page", b"<!DOCTYPE html><html><body>Sign in</body></html>"),
    ("a string of a megabyte", json.dumps("x" * 1_000_000).encode()),
)

_ITEM: dict[str, Any] = {"model_id": 1, "version_id": 11, "file_id": 101, "path": "a/file.safetensors"}
_NO_ITEMS: tuple[tuple[str, Any], ...] = (
    ("a number", 5),
    ("null", None),
    ("a list", []),
    ("no path", {"version_id": 11}),
    ("no version", {"path": "a.safetensors"}),
    ("a path that is a number", {**_ITEM, "path": 5}),
    ("an empty path", {**_ITEM, "path": ""}),
    ("a path of a dot", {**_ITEM, "path": "."}),
    ("an absolute path", {**_ITEM, "path": "/etc/passwd"}),
    ("a path upwards", {**_ITEM, "path": "a/../../x.safetensors"}),
    ("a path with a NUL", {**_ITEM, "path": "a\x00b.safetensors"}),
    ("a path with a line break", {**_ITEM, "path": "a\nb.safetensors"}),
    ("a path with half a letter", {**_ITEM, "path": "a\ud800b.safetensors"}),
    ("a path of 2,000 folders", {**_ITEM, "path": "a/" * 2000 + "x"}),
    ("a name of 100,000 letters", {**_ITEM, "path": LONG}),
    ("a path with a backslash", {**_ITEM, "path": "..\\..\\x.safetensors"}),
    ("a drive", {**_ITEM, "path": "C:/x.safetensors"}),
    ("a part file", {**_ITEM, "path": "x.part"}),
    ("a journal", {**_ITEM, "path": "a/x.PART.json"}),
    ("a temporary file", {**_ITEM, "path": "x.tmp"}),
    ("a torrent", {**_ITEM, "path": "x.torrent"}),
    ("a magnet file", {**_ITEM, "path": "x-magnet.txt"}),
    ("the lock", {**_ITEM, "path": ".civitai-kit.lock"}),
    ("the lock in capitals", {**_ITEM, "path": ".CIVITAI-KIT.LOCK"}),
    ("the log", {**_ITEM, "path": "api.log"}),
    ("the database", {**_ITEM, "path": "civitai_download_db/data.mdb"}),
    ("the database in capitals", {**_ITEM, "path": "Civitai_Download_DB/data.mdb"}),
    ("a version that is a word", {**_ITEM, "version_id": "x"}),
    ("version 0", {**_ITEM, "version_id": 0}),
    ("a version and a half", {**_ITEM, "version_id": 1.5}),
    ("a file that is a word", {**_ITEM, "file_id": "x"}),
    ("a digest that is none", {**_ITEM, "sha256": "xyz"}),
    ("a size below zero", {**_ITEM, "size": -1}),
    ("a size that is a word", {**_ITEM, "size": "big"}),
    ("another host", {**_ITEM, "url": "http://127.0.0.3/x"}),
    ("another host without a scheme", {**_ITEM, "url": "//127.0.0.3/x"}),
    ("an address with a line break", {**_ITEM, "url": "/api/download/models/11\r\nX: y"}),
)


def _plan(*items: Any, **over: Any) -> bytes:
    return json.dumps({"schema": 1, "items": list(items), **over}).encode()


PLANS: tuple[File, ...] = (
    *((name, content, (2,)) for name, content in _NO_JSON),
    *((f"an item, {name}", _plan(item), (2,)) for name, item in _NO_ITEMS),
    ("an item, a version of 30 digits", _plan({**_ITEM, "version_id": 10**30}), (2, 4)),
    ("a newer schema", _plan(_ITEM, schema=99), (2,)),
    ("a schema that is a word", _plan(_ITEM, schema="1"), (2,)),
    ("a schema that is true", _plan(_ITEM, schema=True), (2,)),
    ("items that are none", _plan(items={"a": 1}), (2,)),
    ("two items on one path", _plan(_ITEM, _ITEM), (2,)),
    ("two items on twin paths", _plan(_ITEM, {**_ITEM, "path": "A/FILE.safetensors"}), (2,)),
    ("an item below another", _plan(_ITEM, {**_ITEM, "path": "a/file.safetensors/x.safetensors"}), (2, 7, 9)),
    ("a version that is not there", _plan({**_ITEM, "version_id": 999}), (4,)),
    ("a digest of other bytes", _plan({**_ITEM, "sha256": "0" * 64}), (8,)),
)

LISTS: tuple[File, ...] = (
    ("words", b"abc\ndef\n", (2,)),
    ("random bytes", _JUNK, (2,)),
    ("zeros", bytes(5000), (2,)),
    ("a line of a megabyte", b"x" * 1_000_000, (2,)),
    ("100,000 bad lines", b"x\n" * 100_000, (2,)),
    ("Latin-1", "modèle\n".encode("latin-1"), (2,)),
    ("UTF-16 without a mark", "1\nabc\n".encode("utf-16-le"), (0, 2)),
    ("UTF-32", "1\nabc\n".encode("utf-32"), (0, 2)),
    ("half a UTF-16 letter", b"\xff\xfe1", (0, 2)),
    ("commas alone", b",,,\n,\n", (0, 2)),
    ("escape codes", b"\x1b[2J1\n", (2,)),
    ("a list in JSON", b'["https://civitai.com/models/1"]', (0, 2)),
    ("a page", b"<html>\n<a href=x>\n</html>\n", (2,)),
    ("numbers out of bounds", b"99999999999999999999\n-1\n0\n", (2,)),
    ("an unknown id", b"1\n999\n", (4, 7)),
    ("comments alone", b"# nothing\n\n", (0, 2)),
)

_NO_SETTINGS = (
    ("half a line", b"limit ="),
    ("random bytes", _JUNK),
    ("zeros", bytes(5000)),
    ("UTF-16", "limit = 1\n".encode("utf-16")),
    ("Latin-1", 'query = "modèle"\n'.encode("latin-1")),
    ("JSON", b'{"limit": 1}'),
    ("an unknown key", b"bogus = 1"),
    ("a near miss", b"limitt = 1"),
    ("an unknown table", b"[bogus]\nlimit = 1"),
    ("a key twice", b"limit = 1\nlimit = 2"),
    ("10,000 levels", b"tags = " + b"[" * 10_000),
    ("10,000 levels, closed", b"tags = " + b"[" * 10_000 + b"]" * 10_000),
    ("5,000 levels of keys", b".".join([b"a"] * 5000) + b" = 1"),
    ("a number of 5,000 digits", b"limit = " + _BIG_NUMBER),
    ("an infinite number", b"limit = inf"),
    ("no number", b"api_client_timeout_sec = nan"),
    ("a number too many", b"api_delay_ms = 1e400"),
    ("a limit that is a word", b'limit = "x"'),
    ("a limit below zero", b"limit = -1"),
    ("a limit and a half", b"limit = 1.5"),
    ("a limit that is true", b"limit = true"),
    ("a limit that is a list", b"limit = [1]"),
    ("a limit that is a date", b"limit = 2026-01-01"),
    ("a page of nothing", b"page_size = 0"),
    ("a page too large", b"page_size = 101"),
    ("a switch that is a number", b"nsfw = 5"),
    ("a switch that is a word", b'nsfw = "maybe"'),
    ("a list of lists", b"tags = [[1]]"),
    ("a list that is a table", b"[tags]\na = 1"),
    ("a table that is a number", b"images = 5"),
    ("a table that is a list", b"[[images]]\nlimit = 1"),
    ("a layout that does not exist", b'[images]\nlayout = "x"'),
    ("an unknown key of a table", b"[images]\nbogus = 1"),
    ("an order that does not exist", b'sort = "bogus"'),
    ("an address that is a number", b"api_url = 5"),
    ("a key that is a number", b"api_key = 5"),
    ("a key that is a list", b'api_key = ["x"]'),
    ("a save path with a NUL", b'save_path = "a\\u0000b"'),
    ("a save path that is a number", b"save_path = 5"),
    ("a template that is bad", b'path_template = "{bogus}"'),
    ("a log level that is a number", b"log_level = 5"),
    ("a size that is a word", b'min_size = "big"'),
    ("no workers", b"concurrency = 0"),
    ("workers below zero", b"concurrency = -4"),
    ("a value of a megabyte", b'sort = "' + b"x" * 1_000_000 + b'"'),
)
SETTINGS: tuple[File, ...] = tuple((name, content, (2,)) for name, content in _NO_SETTINGS)


def _sqlite(*statements: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sqlite"
        database = sqlite3.connect(path)
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()
        return path.read_bytes()


def _export(*rows: Any, **over: Any) -> bytes:
    header = {"format": "civitai-kit", "schema": 1, "entries": len(rows), "images": 0, **over}
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in (header, *rows)) + b"\n"


def _entry(**over: Any) -> dict[str, Any]:
    file = {"file_id": 1, "path": "a/x.safetensors", "size": 1, "status": "Downloaded", **over.pop("file", {})}
    return {"entry": {"version_id": 5, "model_id": 1, "files": [file], **over}}


_SQLITE = _sqlite("create table tracked (a)", "insert into tracked values (1)")
_NO_LINES: tuple[tuple[str, Any], ...] = (
    ("no JSON", b"{"),
    ("a number", 5),
    ("an unknown record", {"bogus": 1}),
    ("100,000 levels", _DEEP),
    ("20 MB", b'{"entry": "' + b"x" * 20_000_000 + b'"}'),
    ("random bytes", _JUNK.replace(b"\n", b" ")),
    ("a version that is a word", _entry(version_id="x")),
    ("a version below zero", _entry(version_id=-1)),
    ("a version of 30 digits", _entry(version_id=10**30)),
    ("files that are none", _entry(files=5)),
    ("an unknown status", _entry(file={"status": "Bogus"})),
    ("a size below zero", _entry(file={"size": -1})),
    ("an absolute path", _entry(file={"path": "/etc/passwd"})),
    ("a path upwards", _entry(file={"path": "../../x"})),
    ("a path with a NUL", _entry(file={"path": "a\x00b"})),
    ("the lock", _entry(file={"path": ".civitai-kit.lock"})),
    ("the database", _entry(file={"path": "civitai_download_db/data.mdb"})),
    ("a part file", _entry(file={"path": "a/x.part"})),
    ("an image that is none", {"image": 5}),
    ("an image without an id", {"image": {"kind": "username", "target": "x"}}),
)
IMPORTS: tuple[File, ...] = (
    # An empty history, and a list of ids of which no file is here, are nothing to do.
    *((name, content, (0, 2) if content in (b"{}", b"5") else (2,)) for name, content in _NO_JSON),
    *((f"a line, {name}", _export(line), (2, 7)) for name, line in _NO_LINES),
    ("an export of a newer schema", _export(schema=99), (2, 10)),
    ("an export whose schema is a word", _export(schema="x"), (2,)),
    ("a history whose path is a number", b'{"12_HD": {"path": 5}}', (2,)),
    ("a history whose record is a list", b'{"12_HD": []}', (2,)),
    ("a history of nonsense", b'{"x": {"path": "y"}}', (2,)),
    ("a SQLite file of another program", _SQLITE, (2,)),
    ("half a SQLite file", _SQLITE[: len(_SQLITE) // 2], (2,)),
    ("a SQLite file of junk", b"SQLite format 3\x00" + _JUNK, (2,)),
    ("a text of nonsense", b"x\ny\nz\n", (2,)),
    ("a zip", b"PK\x03\x04" + _JUNK, (2,)),
    ("ids out of bounds", b"99999999999999999999999\n-5\n", (2, 7)),
)
