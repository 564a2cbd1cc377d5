"""A model's page as values: everything that its template shows, already in the words in which it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from civitai_kit.core.amounts import shown_bytes
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion
from civitai_kit.core.site.reading import text
from civitai_kit.core.site.urls import download_url, model_page_url, user_page_url, version_page_url
from civitai_kit.pages.descriptions import clean_html
from civitai_kit.pages.facts import ModelFacts, day
from civitai_kit.pages.gallery import Shot, shots_of

_MOST_HEADER_ROWS, _LONGEST_HEADER_VALUE = 80, 2000
# Types whose use in a prompt A1111 and its kin write as `<lora:name:weight>`.
_IN_PROMPTS = frozenset({"LORA", "LoCon", "DoRA"})
# The site's names of uses; its pages say them so.
_USES = {
    "image": "Sell generated images",
    "rentcivit": "Use on Civitai's generator",
    "rent": "Use on other generation services",
    "sell": "Sell this model or merges of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file of the version on the site. `is_here` says that the library holds it."""

    name: str
    kind: str
    size: str
    traits: str
    scan: str
    hashes: tuple[tuple[str, str], ...]
    download: str
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version of the model. `pages` lead to it in the library and are empty where one does not own it."""

    name: str
    base_model: str
    published: str
    size: str
    pages: tuple[str, ...]
    is_this: bool
    site_page: str
    download: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What the licence says about one use: `is_given` None where nobody said."""

    words: str
    is_given: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """The values of `model.html`; texts are as they were written, `description` and `about` cleaned HTML."""

    facts: ModelFacts
    shots: tuple[Shot, ...]
    words: tuple[str, ...]
    prompt_tag: str
    description: str
    about: str
    numbers: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    files: tuple[FileRow, ...]
    versions: tuple[VersionRow, ...]
    permissions: tuple[Permission, ...]
    header: tuple[tuple[str, str], ...]
    creator_page: str | None
    site_page: str | None
    download: str | None


def page_of(facts: ModelFacts, site: str) -> ModelPage:
    """The page of a model; `site` is the root of the site that its links lead to."""
    version = facts.version
    return ModelPage(
        facts=facts,
        shots=shots_of(facts),
        words=facts.words,
        prompt_tag=_prompt_tag(facts),
        description=clean_html(facts.site_model.description, site),
        about=clean_html(version.description, site),
        numbers=tuple(_numbers(facts)),
        rows=tuple((name, value) for name, value in _rows(facts).items() if value),
        hashes=_hashes(facts),
        files=tuple(_file_row(facts, file, site) for file in version.files),
        versions=tuple(_version_row(facts, each, site) for each in _versions(facts)),
        permissions=permissions_of(facts.site_model),
        header=tuple(_header(facts.header)),
        creator_page=user_page_url(site, facts.creator) if facts.creator else None,
        site_page=_site_page(facts, site),
        download=download_url(site, facts.version_id) if facts.version_id else None,
    )


def permissions_of(model: Model) -> tuple[Permission, ...]:
    """What the licence flags of a model allow; empty where no answer is kept."""
    if not model.raw:
        return ()
    asked = model.raw.get("allowCommercialUse") is not None
    uses = {use.casefold() for use in model.allow_commercial_use}
    return (
        Permission(words="Use without crediting the creator", is_given=model.allow_no_credit),
        Permission(words="Share merges of it", is_given=model.allow_derivatives),
        Permission(words="Use other permissions on merges", is_given=model.allow_different_license),
        *(Permission(words=words, is_given=use in uses if asked else None) for use, words in _USES.items()),
    )


def page_name(folder: str) -> str:
    """The page of a folder, as a link from the index has it."""
    return f"{quote(folder)}/{quote(folder)}.html"


def _prompt_tag(facts: ModelFacts) -> str:
    stem = facts.file_name.rpartition(".")[0]
    return f"<lora:{stem}:1>" if facts.type in _IN_PROMPTS and stem else ""


def _numbers(facts: ModelFacts) -> Iterable[tuple[str, str]]:
    """The counters that are known, by what they count."""
    counters = {
        "Downloads": ("downloadCount",),
        "Likes": ("thumbsUpCount", "favoriteCount"),
        "Comments": ("commentCount",),
        "Tips": ("tippedAmountCount",),
    }
    for name, keys in counters.items():
        number = facts.count(*keys)
        if number is not None:
            yield name, f"{number:,}"


def _rows(facts: ModelFacts) -> dict[str, str | None]:
    file = facts.kept.file
    weak = file is not None and file.matched_by is not None and file.matched_by != "sha256"
    return {
        "Type": facts.type,
        "Base model": facts.base_model,
        "Version": facts.version.name,
        "Published": day(facts.version.published_at or facts.version.created_at),
        "Updated": day(facts.version.updated_at),
        "Added": day(facts.added),
        "File": facts.file_name,
        "Path": file.path if file is not None else None,
        "Size": f"{shown_bytes(facts.size)} ({facts.size:,} bytes)" if facts.size is not None else None,
        "Matched by": f"{file.matched_by} (weaker than SHA256)" if weak and file is not None else None,
        "Trouble": file.error if file is not None else None,
        "Model ID": _number(facts.model_id),
        "Version ID": _number(facts.version_id),
        "AIR": facts.version.air,
        "Asked the site": day(file.asked_at) if file is not None else None,
    }


def _hashes(facts: ModelFacts) -> tuple[tuple[str, str], ...]:
    """The digests of the file itself: what was computed here, then what the site says of the very same file."""
    own = {"SHA256": facts.sha256, "AutoV3": facts.kept.file.auto_v3 if facts.kept.file is not None else None}
    file = facts.site_file
    same = file is not None and facts.sha256 is not None and file.hashes.sha256 == facts.sha256
    if file is not None and same:
        own = {name: own.get(name) or digest for name, digest in _site_hashes(file).items()} | {
            name: digest for name, digest in own.items() if digest
        }
    return tuple((name, digest) for name, digest in own.items() if digest)


def _site_hashes(file: ModelFile) -> dict[str, str | None]:
    known = file.hashes
    return {
        "SHA256": known.sha256,
        "AutoV2": known.auto_v2,
        "AutoV3": known.auto_v3,
        "BLAKE3": known.blake3,
        "AutoV1": known.auto_v1,
        "CRC32": known.crc32,
    }


def _file_row(facts: ModelFacts, file: ModelFile, site: str) -> FileRow:
    traits = (file.metadata.format, file.metadata.size, file.metadata.fp, file.metadata.quant_type)
    scans = [scan for scan in (file.pickle_scan_result, file.virus_scan_result) if scan]
    version_id = facts.version_id
    return FileRow(
        name=file.name or "file",
        kind=file.type or "",
        size=shown_bytes(file.size) if file.size is not None else "",
        traits=", ".join(trait for trait in traits if trait),
        scan="" if not scans else "clean" if set(scans) == {"Success"} else ", ".join(sorted(set(scans))),
        hashes=tuple((name, digest) for name, digest in _site_hashes(file).items() if digest),
        download=download_url(site, version_id, file.id) if version_id else "",
        is_here=file.hashes.sha256 is not None and file.hashes.sha256 == facts.sha256,
    )


def _versions(facts: ModelFacts) -> list[ModelVersion]:
    """The versions that the model's answer lists, newest first; this one stands first where it lists it no more."""
    listed = list(facts.site_model.versions)
    known = {version.id for version in listed}
    return listed if facts.version.id is None or facts.version.id in known else [facts.version, *listed]


def _version_row(facts: ModelFacts, version: ModelVersion, site: str) -> VersionRow:
    folders = facts.kept.owned.get(version.id, ()) if version.id is not None else ()
    primary = next((file for file in version.files if file.primary), next(iter(version.files), None))
    size = primary.size if primary is not None else None
    model_id = facts.model_id
    return VersionRow(
        name=version.name or f"Version {version.id or ''}".strip(),
        base_model=version.base_model or "",
        published=day(version.published_at or version.created_at) or "",
        size=shown_bytes(size) if size is not None else "",
        pages=tuple(f"../{page_name(folder)}" for folder in folders if folder != facts.kept.folder),
        is_this=version.id is not None and version.id == facts.version_id,
        site_page=model_page_url(site, model_id, version.id) if model_id and version.id else "",
        download=download_url(site, version.id) if version.id else "",
    )


def _header(header: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """The header's short texts by name; long ones are cut, and say so."""
    for key in sorted(header)[:_MOST_HEADER_ROWS]:
        value = header[key]
        if value.strip() and value != "None":
            cut = value[:_LONGEST_HEADER_VALUE]
            yield text(key) or "", cut if cut == value else f"{cut} … ({len(value):,} letters)"


def _site_page(facts: ModelFacts, site: str) -> str | None:
    if facts.model_id:
        return model_page_url(site, facts.model_id, facts.version_id)
    return version_page_url(site, facts.version_id) if facts.version_id else None


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)
