"""One thing or many by their ids or digests: conversations that the blocking and the asynchronous client both hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from civitai_kit.client.conversation import Asker, Call
from civitai_kit.client.shapes import is_brief, is_list, is_page, is_tensors, is_value
from civitai_kit.core.errors import SiteError
from civitai_kit.core.site.enums import BadOption, NsfwLevel
from civitai_kit.core.site.file_answers import TensorMetadata, VersionBrief
from civitai_kit.core.site.models import HashOwner, Image, Model, ModelFile, ModelVersion
from civitai_kit.core.site.option_values import listed, numbers, positive, required_id
from civitai_kit.core.site.paging import page_of
from civitai_kit.core.site.posts import Post
from civitai_kit.core.site.query import IMAGES_AT_ONCE, MODEL_PAGE, ImageQuery, ModelQuery
from civitai_kit.core.site.reading import objects
from civitai_kit.core.site.signed_links import DownloadLink, link_of
from civitai_kit.core.site.urls import DOWNLOADS, absolute_url, path_and_query

T = TypeVar("T")

# The most that the site takes in one question (site.md 5.2, 5.3).
HASHES_A_QUESTION = 100
HASHES_A_LOOK_UP = 10_000


def model(asker: Asker, model_id: int) -> Call[Model]:
    """One model by its id, with all versions and images of every level (site.md 3).

    Raises NotFound for one that is unknown, private, not rated yet or without a published version.
    """
    number = required_id("model_id", model_id)
    with _about(model_id=number):
        return Model.model_validate((yield from asker.get(f"/models/{number}", is_value)))


def version(asker: Asker, version_id: int) -> Call[ModelVersion]:
    """One version by its id, with `model_id` and `air`, also where its model is not to be had (site.md 4).

    Raises NotFound for one that is unknown, unpublished or without files.
    """
    number = required_id("version_id", version_id)
    with _about(version_id=number):
        return ModelVersion.model_validate((yield from asker.get(f"/model-versions/{number}", is_value)))


def version_mini(asker: Asker, version_id: int, *, file_id: int | None = None) -> Call[VersionBrief]:
    """One version in brief, by its primary file or the one with `file_id` (site.md 6).

    Raises NotFound as `version` does, and for a file that is not of this version.
    """
    number, file = required_id("version_id", version_id), positive("file_id", file_id)
    asked = [("modelFileId", str(file))] if file else []
    with _about(version_id=number):
        answer = yield from asker.get(f"/model-versions/mini/{number}", is_brief, asked)
    return VersionBrief.model_validate(answer)


def tensor_metadata(asker: Asker, file_id: int, *, summary_only: bool = False) -> Call[TensorMetadata]:
    """What the header of a SafeTensor or GGUF file says of its tensors (site.md 9.4).

    The list of tensors is some hundred kilobytes long; `summary_only` leaves it out. Raises Forbidden for a file that
    this key may not download, BadQuery for another format, SiteError (422) for a header that cannot be read.
    """
    asked = [("summaryOnly", "true")] if summary_only else []
    path = f"/model-files/{required_id('file_id', file_id)}/tensor-metadata"
    return TensorMetadata.model_validate((yield from asker.get(path, is_tensors, asked)))


def download_link(asker: Asker, version_id: int, *, file_id: int | None = None) -> Call[DownloadLink]:
    """Where the storage has a version's file: the one with `file_id`, else the one that the site chooses (site.md 7).

    Each call counts as a download of the day. Raises Unauthorized, Forbidden, NotFound, Gone or RateLimited, as a
    download would.
    """
    number, file = required_id("version_id", version_id), positive("file_id", file_id)
    with _about(version_id=number):
        found = yield from asker.link(
            f"{DOWNLOADS}models/{number}", [("fileId", str(file))] if file is not None else []
        )
    return link_of(found)


def post(asker: Asker, post_id: int) -> Call[Post]:
    """One post by its id, with its first 100 images of every level; raises NotFound for a draft too (site.md 8.5)."""
    return Post.model_validate((yield from asker.get(f"/posts/{required_id('post_id', post_id)}", is_value)))


def models_by_id(asker: Asker, model_ids: int | Iterable[int]) -> Call[tuple[Model, ...]]:
    """Models as a listing shows them, in the site's order, a hundred a request (site.md 2.1).

    Archived, unrated and unknown ones are missing: compare the ids, or ask for one by `model`.
    """
    found: dict[int, Model] = {}
    for part in _parts(numbers("model_ids", model_ids), MODEL_PAGE):
        asked = ModelQuery(ids=part, nsfw=True, limit=MODEL_PAGE).params()
        page = page_of(Model.model_validate, (yield from asker.get("/models", is_page, asked)))
        found |= {one.id: one for one in page.items if one.id in part}
    return tuple(found.values())


def images_by_id(
    asker: Asker, image_ids: int | Iterable[int], *, with_meta: bool = False, with_tags: bool = False
) -> Call[tuple[Image, ...]]:
    """Images of every level, in the site's order, a hundred a request; what it does not show is missing (site.md 8.1).

    `with_meta` brings the generation data, `with_tags` the names of tags.
    """
    found: dict[int, Image] = {}
    for part in _parts(numbers("image_ids", image_ids), IMAGES_AT_ONCE):
        query = ImageQuery(ids=part, browsing_level=NsfwLevel.ALL, with_meta=with_meta, with_tags=with_tags)
        page = page_of(Image.model_validate, (yield from asker.get("/images", is_page, query.params())))
        found |= {one.id: one for one in page.items if one.id in part}
    return tuple(found.values())


def version_by_hash(asker: Asker, digest: str) -> Call[ModelVersion]:
    """The version that holds a file with this digest, the oldest where several do (site.md 5.1).

    `digest` is any of the site's hashes, whole, 8 to 64 hex digits in either case (site.md 10.3); look for the file
    among `files`. Raises NotFound where no published version has it, BadOption for what is no digest.
    """
    path = f"/model-versions/by-hash/{_hex(digest, (8, 10, 12, 64))}"
    return ModelVersion.model_validate((yield from asker.get(path, is_value)))


def versions_by_hash(asker: Asker, digests: Iterable[str]) -> Call[tuple[ModelVersion, ...]]:
    """The versions that hold files with these SHA256 digests, each once, a hundred digests a request (site.md 5.2).

    Unknown ones are missing, and nothing is in order: look for the digests in `files`.
    """
    found: dict[object, ModelVersion] = {}
    for part in _parts(_sha256s(digests), HASHES_A_QUESTION):
        for row in objects((yield from asker.post("/model-versions/by-hash", is_list, json.dumps(part).encode()))):
            one = _with_addresses(ModelVersion.model_validate(row), asker.site)
            found.setdefault(one.id if one.id is not None else object(), one)
    return tuple(found.values())


def version_ids_by_hash(asker: Asker, digests: Iterable[str]) -> Call[tuple[HashOwner, ...]]:
    """Which versions and models hold files with these SHA256 digests: a row a find, 10,000 a request (site.md 5.3)."""
    found: list[HashOwner] = []
    for part in _parts(_sha256s(digests), HASHES_A_LOOK_UP):
        rows = objects((yield from asker.post("/model-versions/by-hash/ids", is_list, json.dumps(part).encode())))
        found += [HashOwner.model_validate(row) for row in rows]
    return tuple(found)


def _with_addresses(found: ModelVersion, site: str) -> ModelVersion:
    """The version with download URLs that lead to the site: in batches their host may be any (site.md 5.2)."""

    def mended(url: str | None) -> str | None:
        path = path_and_query(url or "")
        return url if path is None else absolute_url(site, path)

    def mended_file(file: ModelFile) -> ModelFile:
        return file.model_copy(update={"download_url": mended(file.download_url)})

    files = tuple(mended_file(file) for file in found.files)
    return found.model_copy(update={"download_url": mended(found.download_url), "files": files})


def _hex(digest: str, lengths: tuple[int, ...]) -> str:
    plain = digest.strip().upper() if isinstance(digest, str) else ""
    if len(plain) not in lengths or not re.fullmatch(r"[0-9A-F]+", plain):
        raise BadOption(f"{digest!r} is no digest.", hint=f"Hex digits, {' or '.join(map(str, lengths))} of them.")
    return plain


def _sha256s(digests: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_hex(digest, (64,)) for digest in listed("digests", digests)))


def _parts(wanted: tuple[T, ...], most: int) -> Iterator[tuple[T, ...]]:
    """What is wanted, as much at a time as the site takes."""
    return (wanted[at : at + most] for at in range(0, len(wanted), most))


@contextmanager
def _about(**ids: int) -> Iterator[None]:
    """Name in a SiteError what was asked for."""
    try:
        yield
    except SiteError as error:
        for name, number in ids.items():
            setattr(error, name, number)
        raise
