"""Any way to name something on the site (page URL, download URL, AIR, id), read as one Reference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from civitai_kit.core.errors import UsageError
from civitai_kit.core.overlong import cut_in_the_middle
from civitai_kit.core.site.air import air_of, parse_air
from civitai_kit.core.site.hosts import DOMAINS
from civitai_kit.core.site.urls import (
    download_url,
    image_page_url,
    model_page_url,
    path_and_query,
    post_page_url,
    tag_page_url,
    user_page_url,
    version_page_url,
)
from civitai_kit.core.url_keys import without_keys

__all__ = [
    "Reference",
    "ReferenceKind",
    "air_of",
    "download_url",
    "model_page_url",
    "parse_reference",
    "path_and_query",
    "read_references",
    "url_of",
]

# The site's ids are 32-bit integers; it answers 400 to others (site.md 3).
LARGEST_ID = 2**31 - 1
_TWINS = frozenset(prefix + domain for prefix in ("", "www.") for domain in DOMAINS) | {"api.civitai.com"}
_HINT = "Give a page of the site, a download URL, an AIR (urn:air:…) or a model id."
_NOTHING_KNOWN = "is no page, download URL, AIR or id of Civitai"
_AMPERSANDS = r"(?i)&(?:(?:amp|#0*38|#x0*26);)+"
# As people and other tools spell the parameters of the site's pages; compared in lower case, letters alone.
_VERSION_NAMES = frozenset({"modelversionid", "modelversion", "versionid", "version"})
_FILE_NAMES = frozenset({"fileid", "modelfileid"})
# Without one of these the page of models is the whole site.
_NARROWS = frozenset({"tag", "query", "username", "user", "types", "baseModels", "period"})


class ReferenceKind(StrEnum):
    """What a reference names."""

    MODEL = "model"
    VERSION = "version"
    FILE = "file"
    IMAGE = "image"
    POST = "post"
    USER = "user"
    TAG = "tag"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class Reference:
    """What was named, by `kind`; a version's or file's `model_id` is there when it was said too.

    `listing` are the parameters of a page that lists models, as they stand in its URL.
    `host` is the host (and port) that a URL had, None for ids and AIRs; `text` is what was typed, without a key.
    """

    kind: ReferenceKind
    model_id: int | None = None
    version_id: int | None = None
    file_id: int | None = None
    image_id: int | None = None
    post_id: int | None = None
    username: str | None = None
    tag: str | None = None
    listing: str = ""
    host: str | None = None
    text: str = ""


def parse_reference(text: str, *, site: str | None = None) -> Reference:
    """Read an id (a model's), an AIR, or a URL of the site, its twins or the configured `site`, scheme or not.

    Raises UsageError for anything else.
    """
    # Copied out of a page's source, `&` is an entity.
    typed = re.sub(_AMPERSANDS, "&", text.strip())
    if re.fullmatch(r"[0-9]+", typed):
        return Reference(ReferenceKind.MODEL, model_id=_id(typed, "model id", typed), text=typed)
    if re.match(r"(?:urn|air):|(?:[\w/-]+:){0,2}civitai:", typed, re.ASCII | re.IGNORECASE):
        return _from_air(typed)
    if not typed.isprintable() or " " in typed:
        raise _refusal(typed, _NOTHING_KNOWN)
    return _from_url(typed, site)


def url_of(site: str, reference: Reference) -> str:
    """The page (for a file: the download) of what a reference names."""
    match reference:
        case Reference(ReferenceKind.FILE, version_id=int(version), file_id=int(file)):
            return download_url(site, version, file)
        case Reference(ReferenceKind.MODEL | ReferenceKind.VERSION, model_id=int(model), version_id=version_or_none):
            return model_page_url(site, model, version_or_none)
        case Reference(ReferenceKind.VERSION, version_id=int(version)):
            return version_page_url(site, version)
        case Reference(ReferenceKind.IMAGE, image_id=int(image)):
            return image_page_url(site, image)
        case Reference(ReferenceKind.POST, post_id=int(post)):
            return post_page_url(site, post)
        case Reference(ReferenceKind.USER, username=str(name)):
            return user_page_url(site, name)
        case Reference(ReferenceKind.TAG, tag=str(tag)):
            return tag_page_url(site, tag)
        case _:
            raise ValueError(f"A {reference.kind} reference without its id: {reference}")


def read_references(lines: Iterable[str]) -> list[tuple[int, str]]:
    """The references of a list, one a line, as (line number from 1, text).

    Blank lines go, and comments: from a `#` at the start of a line or after white space to its end. So do a comma at
    the end and quotes around, as other tools write them.
    """
    bare = (re.sub(r"(?:^|\s)#.*", "", line.lstrip("\ufeff").rstrip("\r\n")).strip() for line in lines)
    texts = (re.sub(r"""^(["']?)(.*?)\1[,;\s]*$""", r"\2", line) for line in bare)
    return [(number, text) for number, text in enumerate(texts, start=1) if text]


def _from_air(typed: str) -> Reference:
    air = parse_air(typed)
    if air is None:
        raise _refusal(typed, "is no AIR", "An AIR reads urn:air:sdxl:lora:civitai:1234@5678.")
    if air.source != "civitai":
        raise _refusal(typed, f"names something on {air.source}", "Only AIRs of the source civitai can be had here.")
    model_id = _id(_without_format(air.id), "model id", typed)
    if air.version is None and air.file_id is None:
        return Reference(ReferenceKind.MODEL, model_id=model_id, text=typed)
    version_id = _id(_without_format(air.version or ""), "version id", typed)
    if air.file_id is None:
        return Reference(ReferenceKind.VERSION, model_id=model_id, version_id=version_id, text=typed)
    file_id = _id(air.file_id, "file id", typed)
    return Reference(ReferenceKind.FILE, model_id=model_id, version_id=version_id, file_id=file_id, text=typed)


def _without_format(number: str) -> str:
    """`12.safetensors` as `12`: with no file before it, the format of an AIR stays with the id or version."""
    return re.sub(r"\.[a-z][\w-]*$", "", number, flags=re.ASCII | re.IGNORECASE)


def _from_url(typed: str, site: str | None) -> Reference:
    try:
        parts = urlsplit(typed if "://" in typed else f"https://{typed.lstrip('/')}")
        host = _host(parts)
        ours = host in _TWINS or (site is not None and host == _host(urlsplit(site)))
    except ValueError as error:
        raise _refusal(typed, "is no URL") from error
    if host and not ours and "://" in typed:
        raise _refusal(typed, f"is on {host}, not on Civitai", f"{_HINT} Another site is chosen with --api-url.")
    if not ours or parts.scheme.lower() not in ("http", "https"):
        raise _refusal(typed, _NOTHING_KNOWN)
    segments = [unquote(part) for part in parts.path.split("/") if part]
    found = _from_path(typed, _without_api(segments), parts)
    return replace(found, host=host, listing=without_keys(f"?{found.listing}")[1:], text=without_keys(typed))


def _host(parts: SplitResult) -> str:
    """Host and port of a URL, lower-case, the port only where it is not the usual one; raises ValueError."""
    usual = parts.port in (None, 80, 443)
    return f"{parts.hostname or ''}{'' if usual else f':{parts.port}'}".lower()


def _without_api(segments: list[str]) -> list[str]:
    """`/api/v1/models/1` as `/models/1`, `/api/download/models/1` as `/download/models/1`."""
    if segments[:2] == ["api", "v1"]:
        return segments[2:]
    return segments[1:] if segments[:2] == ["api", "download"] else segments


def _from_path(typed: str, segments: list[str], parts: SplitResult) -> Reference:
    match segments:
        case ["download", "models", version, *_]:
            return _download(typed, version, parts)
        case ["models", model, *_]:
            return _model(typed, model, parts)
        case ["model-versions", "mini", version, *_] | ["model-versions", version, *_]:
            return Reference(ReferenceKind.VERSION, version_id=_version_in_path(typed, version, parts))
        case ["images", image, *_]:
            return Reference(ReferenceKind.IMAGE, image_id=_id(image, "image id", typed))
        case ["posts", post, *_]:
            return Reference(ReferenceKind.POST, post_id=_id(post, "post id", typed))
        case ["user", name, *_]:
            return Reference(ReferenceKind.USER, username=_name(name, "user name", typed), listing=parts.query)
        case ["tag", tag, *_]:
            return Reference(ReferenceKind.TAG, tag=_name(tag, "tag", typed), listing=parts.query)
        case ["models"] if _NARROWS & {name for name, _ in parse_qsl(parts.query)}:
            return Reference(ReferenceKind.LISTING, listing=parts.query)
        case ["collections", *_]:
            hint = "Name the pages of its models instead, in a file for --from-file where there are many."
            raise _refusal(typed, "is a collection, and collections cannot be read yet", hint)
        case _:
            raise _refusal(typed, "names no model, version, image, post, user or tag")


def _download(typed: str, version: str, parts: SplitResult) -> Reference:
    version_id = _version_in_path(typed, version, parts)
    file_id = _queried_id(typed, parts, _FILE_NAMES, "file id")
    kind = ReferenceKind.VERSION if file_id is None else ReferenceKind.FILE
    return Reference(kind, version_id=version_id, file_id=file_id)


def _model(typed: str, model: str, parts: SplitResult) -> Reference:
    model_id = _id(model, "model id", typed)
    version_id = _queried_id(typed, parts, _VERSION_NAMES, "version id")
    kind = ReferenceKind.MODEL if version_id is None else ReferenceKind.VERSION
    return Reference(kind, model_id=model_id, version_id=version_id)


def _version_in_path(typed: str, version: str, parts: SplitResult) -> int:
    """The version that the path names; refused where the query names another one."""
    version_id = _id(version, "version id", typed)
    if _queried_id(typed, parts, _VERSION_NAMES, "version id") not in (None, version_id):
        raise _refusal(typed, "names two versions", "Say which one: keep the id of one of them.")
    return version_id


def _queried_id(typed: str, parts: SplitResult, names: frozenset[str], what: str) -> int | None:
    """The id that the query gives under one of the names, None where it has none; two different ones are refused."""
    given = {
        _id(value.strip(), what, typed)
        for key, value in parse_qsl(parts.query.replace(";", "&"))
        if re.sub(r"[^a-z]", "", key.lower()) in names
    }
    if len(given) > 1:
        raise _refusal(typed, f"has two of a {what}", "Say which one: keep one of them.")
    return given.pop() if given else None


def _id(digits: str, what: str, typed: str) -> int:
    number = int(digits) if re.fullmatch(r"[0-9]{1,10}", digits) else 0
    if not 1 <= number <= LARGEST_ID:
        raise _refusal(typed, f"has no {what}: ids are whole numbers from 1 to {LARGEST_ID}")
    return number


def _name(name: str, what: str, typed: str) -> str:
    if not name.strip() or not name.isprintable() or "/" in name:
        raise _refusal(typed, f"has no {what}")
    return name.strip()


def _refusal(typed: str, problem: str, hint: str = _HINT) -> UsageError:
    shown = without_keys(typed)
    short = cut_in_the_middle(shown, 100)
    return UsageError(f"{short!r} {problem}.", hint=hint)
