"""Bad lines and files for the library and the catalogs, and the exit codes that would be right."""

from __future__ import annotations

import json
import struct
from typing import Final

_LONG: Final = "a" * 100_000
Line = tuple[tuple[str, ...], tuple[int, ...]]

_PLAIN = (
    "library",
    "library bogus",
    "library scan",
    "library scan missing",
    "library scan . --images some",
    "library scan . --only-new --only-update",
    "library scan . --sidecar bogus",
    "library scan . --bogus",
    "library where",
    "library sidecars",
    "library sidecars .",
    "library sidecars . --from bogus --to swarm",
    "library sidecars . --from swarm --to bogus",
    "library sidecars missing --from swarm --to a1111 --yes",
    "library update extra",
    "library missing extra",
    "library duplicates extra",
    "library clean extra",
    "library pages extra",
    "library import-data",
    "library import-data missing",
    "library import-data a_file",
    "catalog",
    "catalog bogus",
    "catalog map extra",
    "catalog add",
    "catalog add x",
    "catalog add 0",
    "catalog add -1",
    "catalog add v_",
    "catalog add 99999999999999999999999",
    "catalog promote",
    "catalog promote x",
    "catalog remove",
)
_OTHERS: tuple[Line, ...] = (
    (("catalog", "add", "999"), (4,)),
    (("catalog", "promote", "999"), (4,)),
    (("catalog", "remove", "missing.safetensors"), (4,)),
    (("catalog", "remove", "../a_file"), (2, 4)),
    (("catalog", "remove", _LONG), (2, 4)),
    (("catalog", "add", "11", "--catalog-dir", "a_file"), (9,)),
    (("catalog", "map", "--catalog-dir", "a_file"), (0, 9, 10)),
    (("catalog", "map", "--models-dir", "a_file"), (0, 2, 9)),
    (("library", "where", _LONG), (0, 2, 4)),
    (("library", "scan", ".", "--output", "a_file"), (9,)),
    (("library", "scan", ".", "--output", _LONG), (2, 9)),
    (("library", "scan", _LONG), (2, 9)),
    (("library", "scan", "a\x01b"), (2,)),
    (("library", "scan", "\udcff"), (2,)),
    (("library", "pages", "--output", "a_file"), (2, 9)),
    (("library", "update", "--plan", "."), (2, 9)),
)

LIBRARY_LINES: Final[tuple[Line, ...]] = (*((tuple(line.split()), (2,)) for line in _PLAIN), *_OTHERS)


def _headed(length: int, header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", length) + header + body


_DEEP = b"[" * 100_000
_META = json.dumps({"__metadata__": {"\x1b[31m": "\u202e" * 50, "ss_tag_frequency": "{" * 5000}}).encode()
# Files with the endings of models: none is known to the site, and none does any harm. One of no bytes is refused.
MODELS: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("nothing in it", "x.safetensors", b""),
    ("one byte", "x.safetensors", b"x"),
    ("a header of 2^63 bytes", "x.safetensors", _headed(2**63, b"{}")),
    ("a header of 2^64-1 bytes", "x.safetensors", _headed(2**64 - 1, b"{}")),
    ("a header longer than the file", "x.safetensors", _headed(500, b"{}")),
    ("a header of no bytes", "x.safetensors", _headed(0, b"")),
    ("a header that is a list", "x.safetensors", _headed(2, b"[]")),
    ("a header of 100,000 levels", "x.safetensors", _headed(len(_DEEP), _DEEP)),
    ("a header that is not UTF-8", "x.safetensors", _headed(4, b"\xff\xfe\xff\xfe")),
    ("a header of control characters", "x.safetensors", _headed(len(_META), _META)),
    ("metadata that are a number", "x.safetensors", _headed(18, b'{"__metadata__":5}')),
    ("a GGUF of nothing", "x.gguf", b"GGUF"),
    ("a GGUF with 2^63 keys", "x.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1, 2**63)),
    ("a GGUF with a key of 2^63 letters", "x.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 2**63) + b"key"),
    (
        "a GGUF of nested lists",
        "x.gguf",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 2**60) * 9,
    ),
    ("a ZIP that is none", "x.zip", b"PK\x03\x04" + bytes(100)),
    ("a pickle", "x.ckpt", b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00exitq\x01\x85q\x02Rq\x03."),
    ("an ONNX that is none", "x.onnx", b"\xff" * 1000),
)

# What stands in a catalog's file: it is said by its name, and never overwritten.
CATALOGS: Final[tuple[tuple[str, bytes], ...]] = (
    ("not JSON", b"{"),
    ("a number", b"5"),
    ("a word", b'"models"'),
    ("a list of numbers", b"[1,2,3]"),
    ("100,000 levels", _DEEP),
    ("not UTF-8", b'{"\xff": 1}'),
    ("zeros", bytes(5000)),
    ("categories that are a number", b'{"categories": 5}'),
    ("categories that are words", b'{"categories": ["x"]}'),
    ("models that are a number", b'{"categories": [{"id": "loras", "models": 5}]}'),
    ("models that are numbers", b'{"categories": [{"id": "loras", "models": [5]}]}'),
    ("models that are a word", b'{"categories": [{"id": "loras", "models": "x"}]}'),
)

# What other programs keep beside a model: broken, it is a row, and stays as it is.
SIDECARS: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("civitai.info: not JSON", "civitai.info", b"{"),
    ("civitai.info: a list", "civitai.info", b"[]"),
    ("civitai.info: 100,000 levels", "civitai.info", _DEEP),
    ("civitai.info: ids that are words", "civitai.info", b'{"id": "x", "modelId": [], "model": 5, "files": {}}'),
    ("a1111: a number", "a1111", b"5"),
    ("a1111: fields of other kinds", "a1111", b'{"description": {}, "preferred weight": "x", "notes": []}'),
    ("lora-manager: zeros", "lora-manager", bytes(100)),
    ("lora-manager: fields of other kinds", "lora-manager", b'{"civitai": 5, "tags": "x", "size": {}}'),
    ("stability-matrix: a word", "stability-matrix", b'"x"'),
    ("stability-matrix: fields of other kinds", "stability-matrix", b'{"ModelId": {}, "Tags": 5, "Hashes": []}'),
    ("swarm: not UTF-8", "swarm", b"\xff\xfe\xfd"),
    ("swarm: fields of other kinds", "swarm", b'{"modelspec.title": {}, "modelspec.tags": 5}'),
)
