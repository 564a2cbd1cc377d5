"""How ids and names become keys of the database."""

from __future__ import annotations

from hashlib import sha256

from civitai_kit.core.collection.entry import entry_key
from civitai_kit.store.codec import Damaged

# LMDB takes keys of 511 bytes. A longer text keeps 440 of its own and adds 65 of a hash: a length no short key has.
SHORT_KEY = 440
_PREFIX = b"v_"


def version_key(version_id: int) -> bytes:
    """The key of a version's entry: `v_<version id>`."""
    return entry_key(version_id).encode()


def version_id_of(key: bytes) -> int:
    """The version id of a key; raises Damaged when the key is not one of ours."""
    digits = key.removeprefix(_PREFIX)
    if not key.startswith(_PREFIX) or not digits.removeprefix(b"-").isdigit():
        raise Damaged(f"{key!r} is no key of a version")
    return int(digits)


def id_key(number: int) -> bytes:
    """The key, or the value, that stands for an id in an index."""
    return str(number).encode()


def id_of(value: bytes) -> int:
    """The id that a value of an index stands for; raises Damaged when it is none."""
    if not value.removeprefix(b"-").isdigit():
        raise Damaged(f"{value!r} in an index is no id")
    return int(value)


def text_key(text: str) -> bytes:
    """The key of a text, such as an image record's: itself, shortened with a hash where it is too long."""
    key = text.encode("utf-8", "surrogatepass")
    if len(key) <= SHORT_KEY:
        return key
    return key[:SHORT_KEY] + b"#" + sha256(key).hexdigest().encode()


def text_prefix(prefix: str) -> bytes:
    """What the keys of all texts that begin with `prefix` begin with."""
    return prefix.encode("utf-8", "surrogatepass")[:SHORT_KEY]
