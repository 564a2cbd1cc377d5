"""An entry out of a file, held against its shape, with the site's answers still the JSON that they came as.

To read an answer takes four times as long as to see that it is JSON, and most are only to be kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from civitai_kit.core.collection.entry import Entry, Status

_NULL = b"null"
# The fields around the answers, as they are written.
_VERSION, _MODEL, _AFTER = b',"version":', b',"model":', b',"added_at":'
_NO_ANSWERS = _VERSION + _NULL + _MODEL + _NULL + _AFTER
_SECOND_OBJECT = b"}" + _MODEL + b"{"
_DOWNLOADED, _PENDING = (f'"status":"{status}"'.encode() for status in (Status.DOWNLOADED, Status.PENDING))


class Draft(NamedTuple):
    """An entry, and its JSON where its answers were not read; those of `entry` are None then."""

    entry: Entry
    text: bytes | None = None

    def whole(self) -> Entry:
        """The entry with its answers."""
        return self.entry if self.text is None else Entry.model_validate_json(self.text)


class Packed(NamedTuple):
    """An entry as a store writes it, without its objects; what the bytes hold is the store's own affair."""

    version_id: int
    key: bytes
    value: bytes
    row: bytes | None
    sha256s: list[bytes]
    model_id: bytes | None


def draft_of(text: bytes, *, away: bool = False) -> Draft:
    """The draft of an entry's JSON; its answers stay unread where it is written as we write it.

    With `away` it is there as well that files said to be Downloaded become Pending, for a tenth of what it takes to
    change an entry. Raises pydantic's ValidationError for what is no entry, or is no JSON to pydantic's reader.
    """
    read = Entry.__pydantic_validator__.validate_json
    start, end = _answers(text)
    if end:
        before = text[:start].replace(_DOWNLOADED, _PENDING) if away else text[:start]
        entry = read(before + text[end:])
        if entry.version is None and entry.model is None:
            return Draft(entry, before + text[start:] if away else text)
    return Draft(read(text))


def _answers(text: bytes) -> tuple[int, int]:
    """Where the answers of an entry's JSON begin and end; zeros where that cannot be told quickly."""
    start = text.find(_VERSION)
    # Within another object they would not be the entry's own.
    if start < 0 or text.count(b"{", 0, start) - text.count(b"}", 0, start) != 1:
        return 0, 0
    if text.startswith(_NO_ANSWERS, start):
        return start, start + len(_NO_ANSWERS) - len(_AFTER)
    end = text.rfind(_AFTER)
    return (start, end) if end > start and _are_two(text[start + len(_VERSION) : end]) else (0, 0)


def _are_two(answers: bytes) -> bool:
    """Whether they are `VERSION,"model":MODEL`, an object and an object or null."""
    if answers.endswith(_MODEL + _NULL):
        return _is_object(answers[: -len(_MODEL + _NULL)])
    # The last such place: a version may have a model within, a model has none.
    before, found, after = answers.rpartition(_SECOND_OBJECT)
    return bool(found) and _is_object(before + b"}") and _is_object(b"{" + after)


def _is_object(text: bytes) -> bool:
    try:
        _skimmer().validate_json(text)
    except ValidationError:
        return False
    return True


@cache
def _skimmer() -> Any:
    """Reads an object of any fields and keeps none: only as JSON it is held against anything."""
    return SchemaValidator(core_schema.typed_dict_schema({}))
