"""An entry out of a file, held against its shape, with the site's answers still the JSON that they came as.

To read an answer takes four times as long as to see that it is JSON, and most are only to be kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator, core_schema, from_json

from civitai_kit.core.entry import Entry, Status

_NULL = b"null"
# The fields around the answers, as they are written.
_VERSION, _MODEL, _AFTER = b',"version":', b',"model":', b',"added_at":'
_NO_ANSWERS = _VERSION + _NULL + _MODEL + _NULL + _AFTER
_SECOND_OBJECT = b"}" + _MODEL + b"{"
_DOWNLOADED, _PENDING = (f'"status":"{status}"'.encode() for status in (Status.DOWNLOADED, Status.PENDING))
# A text that is not quite one is written so by pydantic, and with its own letters by the slow way.
_REPLACED = "\N{REPLACEMENT CHARACTER}".encode()
# To look for one byte takes a tenth of the time.
_MAYBE_REPLACED = _REPLACED[0]


class Draft(NamedTuple):
    """An entry, and its `version` and `model` as JSON where they were not read; those of `entry` are None then."""

    entry: Entry
    version: bytes = _NULL
    model: bytes = _NULL

    def text(self) -> bytes | None:
        """Its JSON with the answers letter by letter; None for the few that have to be written from the whole."""
        try:
            text = self.entry.__pydantic_serializer__.to_json(self.entry)
        except PydanticSerializationError:  # Half a surrogate pair.
            return None
        if _MAYBE_REPLACED in text and _REPLACED in text:
            return None
        if self.version is _NULL and self.model is _NULL:
            return text
        # Before it are only texts, in which quotes are escaped: the first such place is the place.
        before, found, after = text.partition(_NO_ANSWERS)
        if not found:
            return None
        return b"".join((before, _VERSION, self.version, _MODEL, self.model, _AFTER, after))

    def whole(self) -> Entry:
        """The entry with its answers."""
        if self.version is _NULL and self.model is _NULL:
            return self.entry
        unread = {"version": self.version, "model": self.model}
        read = {name: from_json(text) for name, text in unread.items() if text is not _NULL}
        return self.entry.model_copy(update=read)


def draft_of(text: bytes, *, away: bool = False) -> Draft:
    """The draft of an entry's JSON; its answers stay unread where it is written as we write it.

    With `away` it is there as well that files said to be Downloaded are read as Pending, for a sixth of what it takes
    to change an entry. Raises pydantic's ValidationError for what is no entry, or is no JSON to pydantic's reader.
    """
    read = Entry.__pydantic_validator__.validate_json
    rest, version, model = _taken_apart(text)
    if rest:
        entry = read(rest.replace(_DOWNLOADED, _PENDING) if away else rest)
        if entry.version is None and entry.model is None:
            return Draft(entry, version, model)
    return Draft(read(text))


def _taken_apart(text: bytes) -> tuple[bytes, bytes, bytes]:
    """An entry's JSON without its answers, and both; the first is empty where they cannot be told apart quickly."""
    start = text.find(_VERSION)
    if text.startswith(_NO_ANSWERS, start):
        return text, _NULL, _NULL
    end = text.rfind(_AFTER)
    # Within another object it would not be the entry's own.
    if not 0 < start < end or text.count(b"{", 0, start) - text.count(b"}", 0, start) != 1:
        return b"", _NULL, _NULL
    version, model = _parted(text[start + len(_VERSION) : end])
    return (text[:start] + text[end:] if version else b""), version, model


def _parted(answers: bytes) -> tuple[bytes, bytes]:
    """The version's and the model's JSON, of `VERSION,"model":MODEL`; the first empty where that is not clear."""
    if answers.endswith(_MODEL + _NULL):
        version, model = answers[: -len(_MODEL + _NULL)], _NULL
    else:
        # The last such place: a version may have a model within, a model has none.
        before, found, after = answers.rpartition(_SECOND_OBJECT)
        version, model = before + b"}", b"{" + after
        if not found or not _is_object(model):
            return b"", _NULL
    return (version if _is_object(version) else b""), model


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
