"""Models and versions by their ids, a hundred a request, as the site's listing shows them (site.md 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from civitai_kit.core.errors import NotFound, SiteError
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.query import MODEL_PAGE, ModelQuery
from civitai_kit.core.site.references import LARGEST_ID

if TYPE_CHECKING:
    from civitai_kit.services.ports import Site

T = TypeVar("T")


def listed_models(site: Site, model_ids: Iterable[int]) -> dict[int, Model]:
    """Those of the models that the listing shows, whole; archived, unrated and hidden ones must be asked for by id."""
    return {model.id: model for model in site.models_by_id(_askable(model_ids)) if model.id is not None}


def listed_owners(site: Site, version_ids: Iterable[int]) -> dict[int, Model]:
    """The models of those versions that the listing shows, with no version but the wanted ones, by version id."""
    wanted = _askable(version_ids)
    queries = (ModelQuery(model_version_ids=tuple(batch), nsfw=True, limit=MODEL_PAGE) for batch in batches(wanted))
    found = (model for query in queries for page in site.models_of(query) for model in page.items)
    return {version.id: model for model in found for version in model.versions if version.id in wanted}


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """The rows, as many at a time as one request may name."""
    rest = iter(rows)
    while batch := list(islice(rest, MODEL_PAGE)):
        yield batch


def refuse_no_address(error: SiteError) -> None:
    """Raise a 404 that is no word of the site about what was asked for, so that nothing is called gone for it."""
    if isinstance(error, NotFound) and error.no_address:
        raise error


def _askable(ids: Iterable[int]) -> dict[int, None]:
    """The ids, each once; for one impossible id the site would refuse the whole page."""
    return dict.fromkeys(number for number in ids if 0 < number <= LARGEST_ID)
