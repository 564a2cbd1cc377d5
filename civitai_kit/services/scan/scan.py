"""Phase one: ask the site, keep what the selection wants, look at store and disk; the outcome is a Plan.

Nothing is written. A page or a listing that fails for good is an error, never a shorter plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from civitai_kit.core.collection.entry import FileRecord, Status
from civitai_kit.core.errors import CivitaiKitError, NotFound, in_our_tree
from civitai_kit.core.events import Emit, PageRead
from civitai_kit.core.paths.our_names import OUR_PLACES, given_away, is_ours
from civitai_kit.core.paths.places import ClaimedPaths, Template
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.core.plans.plan import Item, Plan, Reason, Skip
from civitai_kit.core.plans.selection import Choice, ScanRequest, choose
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.paging import Page
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import Reference
from civitai_kit.core.site.version_answer import with_its_model
from civitai_kit.services.items import item_of
from civitai_kit.services.scan.go_files import GoFiles
from civitai_kit.services.scan.resolve import Named, named_models, refusal_of

if TYPE_CHECKING:
    from civitai_kit.services.ports import Answers, SavePath, Site, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanParts:
    """What a scan works with; `answers` is None when nobody will need the site's raw answers afterwards.

    `old_templates` are the layouts of another tool whose files may lie under the save path, `places` what lies
    there of ours.
    """

    site: Site
    store: Store
    disk: SavePath
    template: Template
    now: Callable[[], datetime]
    answers: Answers | None = None
    old_templates: tuple[Template, ...] = ()
    places: tuple[str, ...] = OUR_PLACES


def scan(parts: ScanParts, request: ScanRequest, emit: Emit) -> Plan:
    """Find out what there is to fetch.

    Raises a SiteError when a listing breaks off or the site is out of reach; a REF that cannot be had is a row of
    `Plan.errors` instead. `request.limit` counts models with something to fetch.
    """
    survey = _Survey(parts, request, emit)
    survey.take_named(request.references)
    for query in request.queries:
        if survey.is_full():
            break
        survey.take_listing(query)
    return survey.plan()


@dataclass
class _Survey:
    """The state of one scan: what was found so far, and which models, files and paths are spoken for."""

    parts: ScanParts
    request: ScanRequest
    emit: Emit
    items: list[Item] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    named: int = 0
    models: int = 0
    pages: int = 0
    fruitful: int = 0
    seen_models: set[int] = field(default_factory=set)
    seen_files: dict[tuple[int, int], str] = field(default_factory=dict)
    claimed: ClaimedPaths = field(default_factory=ClaimedPaths)

    def __post_init__(self) -> None:
        self._old = GoFiles.under(self.parts.disk, self.parts.old_templates)
        if not _tells_files_apart(self.parts.template):
            self._reserve_recorded_paths()

    def _reserve_recorded_paths(self) -> None:
        for entry in self.parts.store.entries():
            for record in entry.files:
                self.claimed.claim(record.path, record.file_id)

    def is_full(self) -> bool:
        models_full = self.request.limit and self.fruitful >= self.request.limit
        return bool(models_full or (self.request.max_pages and self.pages >= self.request.max_pages))

    def take_named(self, references: Iterable[Reference]) -> None:
        for found in named_models(self.parts.site, references):
            if self.is_full():
                return
            if isinstance(found, CivitaiKitError):
                self.errors.append(found)
            else:
                self._attempt(partial(self._take_found, found), found.model)

    def _take_found(self, found: Named) -> None:
        before, passed = len(self.items), len(self.skips)
        self._take_model(found.model, found.version_id, found.reference.file_id)
        refusal = None
        if len(self.items) == before:
            refusal = refusal_of(found, self.skips[passed:])
        if refusal is None:
            self.named += 1
        else:
            self.errors.append(refusal)

    def take_listing(self, query: ModelQuery) -> None:
        proved, looked_at = query.tag is None, 0
        pages = self.request.max_pages - self.pages if self.request.max_pages else None
        # Where one page will do, none is read ahead; a short one is followed by another.
        ahead = not 0 < self.request.top <= query.limit
        for page in _named(query, self.parts.site.models_of(query, pages, read_ahead=ahead)):
            proved = proved or not page.items or _prove_tag(query, page.items)
            wanted = page.items[: self.request.top - looked_at] if self.request.top else page.items
            looked_at += len(wanted)
            self._take_page(wanted)
            if self.is_full() or looked_at == self.request.top > 0:
                return

    def _take_page(self, models: tuple[Model, ...]) -> None:
        self.pages += 1
        for model in models:
            if self.is_full_of_models():
                break
            if model.id is None or model.id not in self.seen_models:
                self._attempt(partial(self._take_model, model, None), model)
        self.emit(PageRead(self.pages, self.models, len(self.items)))

    def _attempt(self, work: Callable[[], None], model: Model) -> None:
        """Let a mistake of ours over one model be its error, and the others have their turn."""
        try:
            work()
        except CivitaiKitError:
            raise
        except Exception as error:  # noqa: BLE001 - told as the model's
            failure = in_our_tree(error)
            failure.model_id = model.id
            self.errors.append(failure)

    def is_full_of_models(self) -> bool:
        return bool(self.request.limit and self.fruitful >= self.request.limit)

    def _take_model(self, model: Model, wanted: int | None, file_id: int | None = None) -> None:
        """Take what is wanted of a model; with a `file_id` that one file, for nobody asked for the others."""
        if model.id is not None and wanted is None:
            self.seen_models.add(model.id)
        self.models += 1
        before = len(self.items)
        for outcome in choose(model, self.request.selection, self.parts.now(), wanted):
            if file_id is not None and _file_of(outcome) not in (None, file_id):
                continue
            if isinstance(outcome, Skip):
                self.skips.append(outcome)
            else:
                self._take_choice(outcome)
        self.fruitful += len(self.items) > before

    def _take_choice(self, choice: Choice) -> None:
        version_id, file_id = choice.version.id, choice.file.id
        assert version_id is not None and file_id is not None, "what lacks its id is never chosen"
        if (version_id, file_id) in self.seen_files:
            self.skips.append(_skip(Reason.DUPLICATE, item_of(choice, self.seen_files[version_id, file_id])))
            return
        entry = self.parts.store.get(version_id)
        record = entry.file(file_id, "") if entry else None
        item = item_of(choice, record.path if record else self._place(choice))
        there = record is not None and self._is_there(record, item)
        if record is not None and not there and not self._is_kept(record.path):
            item = replace(item, path=self._place(choice))
        self.seen_files[version_id, file_id] = item.path
        self._keep_answer(choice)
        if there and record is not None:
            self.skips.append(_skip(Reason.HAVE, replace(item, size=record.size)))
        else:
            self.items.append(item)

    def _place(self, choice: Choice) -> str:
        placed = self.parts.template.place(model=choice.model, version=choice.version, file=choice.file)
        found = self._old.find(choice, placed)
        free = placed if found is None or self._is_ours(found) else found
        return self.claimed.claim(given_away(free, self.parts.places), choice.file.id)

    def _is_ours(self, path: str) -> bool:
        """Whether a path is a name of ours: earlier versions and other tools gave some of them to downloads."""
        return is_ours(path, self.parts.places)

    def _keep_answer(self, choice: Choice) -> None:
        if self.parts.answers is not None and choice.version.id is not None:
            answer = with_its_model(choice.version.raw, choice.model.raw)
            self.parts.answers.keep(choice.model.raw or None, answer, choice.version.id)

    def _is_kept(self, path: str) -> bool:
        """Whether a file that is to be fetched goes where it was recorded: not outside, and not to a name of ours."""
        return not is_absolute(path) and not self._is_ours(path)

    def _is_there(self, record: FileRecord, item: Item) -> bool:
        """Store and disk agree, and the site still promises the same bytes."""
        replaced = record.sha256 is not None and item.sha256 is not None and record.sha256 != item.sha256
        if record.status is not Status.DOWNLOADED or replaced:
            return False
        return record.size is not None and self.parts.disk.size(record.path) == record.size

    def plan(self) -> Plan:
        return Plan(
            items=tuple(self.items),
            skips=tuple(self.skips),
            models=self.models,
            pages=self.pages,
            errors=tuple(self.errors),
            named=self.named,
            trimmed=any(query.base_models for query in self.request.queries),
        )


def _file_of(outcome: Choice | Skip) -> int | None:
    """The file that it is about; None where it is about a whole version or model."""
    return outcome.file_id if isinstance(outcome, Skip) else outcome.file.id


def _tells_files_apart(template: Template) -> bool:
    """Whether no two files of the site can get one path, so that recorded paths need not be looked at."""
    return "{file_id}" in template.text or ("{version_id}" in template.text and "{file_name}" in template.text)


def _named(query: ModelQuery, pages: Iterator[Page[Model]]) -> Iterator[Page[Model]]:
    """The pages; a creator whom the site does not know is named, since it may be one of several."""
    try:
        yield from pages
    except NotFound as error:
        if query.username is None or error.no_address:
            raise
        hint = "Is the name right? It stands in the address of the creator's page."
        message = f"The site knows no user {query.username}."
        raise NotFound(message, hint=hint, status=error.status, endpoint=error.endpoint) from error


def _prove_tag(query: ModelQuery, models: tuple[Model, ...]) -> bool:
    """The site answers an unknown tag with everything (site.md 2.1): some model of the page must carry it."""
    wanted = (query.tag or "").casefold()
    if any(wanted in {tag.casefold() for tag in model.tags} for model in models):
        return True
    raise NotFound(
        f"The site has no tag {query.tag!r}: it answers with models that do not carry it.",
        endpoint="/api/v1/models",
        hint="`civitai-kit tags TEXT` lists the site's tags that begin with a text.",
    )


def _skip(reason: Reason, item: Item) -> Skip:
    return Skip(
        reason=reason,
        model_id=item.model_id,
        model_name=item.model_name,
        version_id=item.version_id,
        version_name=item.version_name,
        file_id=item.file_id,
        file_name=item.file_name,
        item=item,
    )
