"""A catalog file as a value: categories of entries, each a JSON object of which unknown fields are kept.

`{"version": 3, "date": "2026-11-27 18:42", "categories": [{"id": "loras", "name": "Loras", "models": [{…}]}]}`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from civitai_kit.core.catalog.routing import category_name
from civitai_kit.core.errors import Code, DiskError

Entry = Mapping[str, Any]


class BrokenCatalog(DiskError):
    """A catalog file that is none; it is left as it is."""

    default_code = Code.STORE_UNREADABLE


@dataclass(frozen=True, slots=True)
class Catalog:
    """One catalog; changes give a new one. `raw` is the file's object."""

    raw: Mapping[str, Any]

    def entries(self) -> Iterator[Entry]:
        """All entries, in the file's order."""
        for category in self._categories():
            yield from (entry for entry in category.get("models") or () if isinstance(entry, dict))

    def by_version(self, version_id: int) -> Entry | None:
        """The entry of a version of the site."""
        return next((entry for entry in self.entries() if id_in(entry, "civitai_version_id") == version_id), None)

    def by_file(self, file: str) -> Entry | None:
        """The entry of a file name."""
        return next((entry for entry in self.entries() if entry.get("file") == file), None)

    def with_entry(self, category: str, entry: Entry, name: str | None = None) -> Catalog:
        """The catalog with one more entry; a category that is new gets `name`."""
        categories = [dict(one) for one in self._categories()]
        for one in categories:
            if one.get("id") == category:
                one["models"] = [*(one.get("models") or ()), dict(entry)]
                break
        else:
            categories.append({"id": category, "name": name or category_name(category), "models": [dict(entry)]})
        return Catalog({**self.raw, "categories": categories})

    def without(self, entry: Entry) -> Catalog:
        """The catalog without an entry of it."""
        categories = [
            {**one, "models": [other for other in one.get("models") or () if other is not entry]}
            for one in self._categories()
        ]
        return Catalog({**self.raw, "categories": categories})

    def bumped(self, now: datetime) -> Catalog:
        """The next version of it, with its date."""
        version = self.raw.get("version")
        number = version + 1 if isinstance(version, int) and not isinstance(version, bool) else 1
        return Catalog({**self.raw, "version": number, "date": now.strftime("%Y-%m-%d %H:%M")})

    def as_json(self) -> bytes:
        """The content of its file; half a surrogate pair, which no UTF-8 can hold, stays escaped."""
        try:
            return json.dumps(dict(self.raw), indent=2, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:
            return json.dumps(dict(self.raw), indent=2).encode() + b"\n"

    def _categories(self) -> Iterator[Mapping[str, Any]]:
        for category in self.raw.get("categories") or ():
            if isinstance(category, dict):
                yield category


EMPTY = Catalog({"version": 0, "date": "", "categories": []})


def read_catalog(content: bytes | None, path: str) -> Catalog:
    """The catalog in a file; an empty one where there is no file. Raises BrokenCatalog for what is none."""
    if content is None:
        return EMPTY
    try:
        raw = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"it is no JSON ({error})") from error
    if not isinstance(raw, dict):
        raise _broken(path, "it is no object")
    if "categories" not in raw and any(isinstance(value, list | dict) for value in raw.values()):
        raise _broken(path, "it has no categories; another program, or a newer one, may have its own form for it")
    categories = raw.get("categories", [])
    if not isinstance(categories, list) or not all(isinstance(one, dict) for one in categories):
        raise _broken(path, "its categories are no list of objects")
    for category in categories:
        models = category.get("models", [])
        if not isinstance(models, list) or not all(isinstance(entry, dict) for entry in models):
            raise _broken(path, f"the models of {str(category.get('id'))!r} are no list of objects")
    return Catalog(raw)


def id_in(entry: Entry, name: str) -> int | None:
    """An id that an entry holds, as a number or as its digits."""
    value = entry.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text_in(entry: Entry, name: str) -> str:
    """A text that an entry holds; empty where it holds none."""
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def place_in(entry: Entry) -> str:
    """Where an entry's file belongs below the models' folder, with `/`; empty for an entry without a file."""
    file, dest = text_in(entry, "file"), text_in(entry, "dest")
    return (f"{dest}/{file}" if file and dest else file).replace("\\", "/")


def _broken(path: str, why: str) -> BrokenCatalog:
    hint = "Repair it, or move it away; it is not overwritten."
    return BrokenCatalog(f"The catalog {path} cannot be read: {why}.", hint=hint, path=path)
