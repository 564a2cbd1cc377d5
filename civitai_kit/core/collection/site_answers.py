"""What is remembered, in the form in which the site answers: so that who asks it can ask us for what is here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.site.urls import download_url

Json = dict[str, Any]

# What stood between the site and a download; what is here can be had.
_GATES = frozenset(
    {
        *("availability", "mode", "usageControl", "paidAccess", "requireAuth"),
        *("earlyAccessConfig", "earlyAccessDeadline", "earlyAccessEndsAt", "earlyAccessTimeFrame"),
    }
)
_OPEN = {"availability": "Public"}


class HeldFile(NamedTuple):
    """A file of a version that is here: its id, its record, and what the site said of it, empty where nothing."""

    file_id: int
    record: FileRecord
    said: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name under which it is offered."""
        return _text(self.said.get("name")) or self.record.name or self.record.path.rpartition("/")[2]


class HeldVersion(NamedTuple):
    """A version of which some files are here, the one meant by default first."""

    entry: Entry
    files: tuple[HeldFile, ...]


def held_files(entry: Entry) -> list[HeldFile]:
    """The files of an entry that may be here: whole and the site's own, with an id by which they can be named."""
    said = [one for one in _rows(entry.version, "files") if _number(one.get("id"))]
    by_id = {one["id"]: one for one in said}
    by_hash = {digest: one for one in said if (digest := _sha256_of(one))}
    found = []
    for record in entry.files:
        row = by_id.get(record.file_id) or by_hash.get(_own_sha256(record) or "", {})
        file_id = record.file_id or row.get("id")
        if file_id and record.status is Status.DOWNLOADED and not record.kept_mismatch and _is_the_sites(record, row):
            found.append(HeldFile(file_id, record, row))
    return sorted(found, key=lambda file: file.said.get("primary") is not True)


def version_answer(held: HeldVersion, host: str) -> Json:
    """The answer about one version, with only those files that are here; `host` is the root that was asked."""
    entry = held.entry
    owner = (entry.version or {}).get("model")
    return {
        "modelId": entry.model_id,
        "name": entry.version_name,
        "baseModel": entry.base_model,
        **_without_gates(entry.version),
        "id": entry.version_id,
        **_OPEN,
        "usageControl": "Download",
        "model": {
            "name": entry.model_name,
            "type": entry.type,
            **_without_gates(owner if isinstance(owner, dict) else None),
        },
        "files": [
            _file_answer(file, entry.version_id, host, primary=place == 0) for place, file in enumerate(held.files)
        ],
        "downloadUrl": download_url(host, entry.version_id),
    }


def model_answer(held: Sequence[HeldVersion], host: str) -> Json:
    """The answer about one model, of at least one version that is here; the site's order of versions is kept."""
    ordered = _in_the_sites_order(held)
    latest = max(ordered, key=lambda one: (bool(one.entry.model), one.entry.last_seen or "")).entry
    versions = [version_answer(one, host) for one in ordered]
    return {
        "name": latest.model_name,
        "type": latest.type,
        "tags": [],
        **({"creator": {"username": latest.creator}} if latest.creator else {}),
        **_without_gates(latest.model),
        "id": latest.model_id,
        **_OPEN,
        "modelVersions": [
            {name: value for name, value in one.items() if name not in ("model", "modelId")} for one in versions
        ],
    }


def _file_answer(file: HeldFile, version_id: int, host: str, *, primary: bool) -> Json:
    record = file.record
    size = {} if record.size is None else {"sizeKB": record.size / 1024}
    return {
        "type": record.type or "Model",
        **file.said,
        "id": file.file_id,
        "name": file.name,
        **size,
        "hashes": _hashes(record, file.said),
        "primary": primary,
        "downloadUrl": download_url(host, version_id, file.file_id),
    }


def _hashes(record: FileRecord, said: Mapping[str, Any]) -> dict[str, str]:
    """Every digest that is known of the bytes that are here: the site's, those that it promised, those that we saw."""
    known = {name: value for name, value in record.proved.items() if name in Digests.__dataclass_fields__}
    known |= {name: value for name in ("sha256", "blake3", "crc32", "auto_v3") if (value := getattr(record, name))}
    ours = {name: value.upper() for name, value in Digests(**known).as_site_names().items()}
    listed = said.get("hashes")
    # The site may have another file by now under the same id.
    agrees = _own_sha256(record) in (None, _sha256_of(said))
    return {**(listed if isinstance(listed, dict) and agrees else {}), **ours}


def _is_the_sites(record: FileRecord, said: Mapping[str, Any]) -> bool:
    """Whether the bytes are the site's: a file that was found here may be known by less than all of its bytes."""
    sha256 = _sha256_of(said)
    return record.sha256 is not None or sha256 is None or record.proved.get("sha256", sha256).lower() == sha256


def _own_sha256(record: FileRecord) -> str | None:
    digest = record.sha256 or record.proved.get("sha256")
    return digest.lower() if digest else None


def _sha256_of(said: Mapping[str, Any]) -> str | None:
    hashes = said.get("hashes")
    digest = hashes.get("SHA256") if isinstance(hashes, dict) else None
    return digest.lower() if isinstance(digest, str) and digest else None


def _in_the_sites_order(held: Iterable[HeldVersion]) -> list[HeldVersion]:
    """By the creator's order where all are known with it, else the newest first."""
    newest = sorted(held, key=lambda one: (_published(one.entry), one.entry.version_id), reverse=True)
    places = [(one.entry.version or {}).get("index") for one in newest]
    if all(type(place) is int for place in places):
        newest.sort(key=lambda one: int((one.entry.version or {})["index"]))
    return newest


def _published(entry: Entry) -> str:
    said = entry.version or {}
    return _text(said.get("publishedAt")) or _text(said.get("createdAt")) or ""


def _without_gates(said: Mapping[str, Any] | None) -> Json:
    return {name: value for name, value in (said or {}).items() if name not in _GATES}


def _rows(said: Mapping[str, Any] | None, name: str) -> list[Json]:
    rows = (said or {}).get(name)
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def _number(value: object) -> bool:
    return type(value) is int and value > 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
