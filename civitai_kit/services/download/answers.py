"""The site's answers for the items of a plan: from the scan, else asked for a hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from civitai_kit.core.errors import SiteError
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.site.models import Model, ModelVersion
from civitai_kit.core.site.version_answer import with_its_model
from civitai_kit.services.listed import batches, listed_models, listed_owners
from civitai_kit.services.ports import Answers, Site


@dataclass
class PlannedAnswers:
    """What the site says of planned versions, for several threads; who needs one first asks for its batch."""

    site: Site
    heard: Answers
    _batches: dict[int, _Batch] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)
    _asking: dict[int, Lock] = field(default_factory=dict)

    @classmethod
    def of_items(cls, site: Site, heard: Answers, items: Iterable[Item]) -> PlannedAnswers:
        """The answers for the items of a plan, in batches as their order has it."""
        planned = {item.version_id: item for item in items}
        found = [_Batch(batch) for batch in batches(planned.values())]
        return cls(site, heard, {item.version_id: batch for batch in found for item in batch.items})

    def version(self, item: Item) -> dict[str, Any] | None:
        """The site's answer for an item's version; None when the site refuses."""
        heard = self.heard.version(item.version_id)
        if heard is not None:
            return heard
        if (batch := self._batches.get(item.version_id)) is not None:
            self._ask_for_batch(batch)
        # Files of one version ask one after another; other versions need not wait for the site's answer.
        with self._asking.setdefault(item.version_id, Lock()):
            heard = self.heard.version(item.version_id)
            if heard is not None or item.version_id in self._refused:
                return heard
            return self._ask_for_one(item.version_id)

    def model(self, model_id: int | None) -> dict[str, Any] | None:
        """The site's answer for a model; None when it was not heard."""
        return None if model_id is None else self.heard.model(model_id)

    def _ask_for_one(self, version_id: int) -> dict[str, Any] | None:
        try:
            version = self.site.version(version_id)
        except SiteError:
            self._refused.add(version_id)
            return None
        self.heard.keep(None, version.raw, version_id)
        return version.raw

    def _ask_for_batch(self, batch: _Batch) -> None:
        with batch.lock:
            if batch.is_asked:
                return
            batch.is_asked = True
            unheard = [item for item in batch.items if self.heard.version(item.version_id) is None]
            if len(unheard) < 2:
                return
            try:
                self._keep_listed(unheard)
            except SiteError:
                # Asked for one by one they may be had, and otherwise each says why not.
                return

    def _keep_listed(self, items: list[Item]) -> None:
        models = listed_models(self.site, (item.model_id for item in items if item.model_id is not None))
        owners = listed_owners(self.site, (item.version_id for item in items if item.model_id is None))
        for item in items:
            whole = models.get(item.model_id) if item.model_id is not None else None
            model = whole or owners.get(item.version_id)
            if model is not None and (version := _version_of(model, item.version_id)) is not None:
                answer = with_its_model(version.raw, model.raw)
                self.heard.keep(whole.raw if whole else None, answer, item.version_id)


@dataclass
class _Batch:
    """Items whose versions are asked for together."""

    items: list[Item]
    lock: Lock = field(default_factory=Lock)
    is_asked: bool = False


def _version_of(model: Model, version_id: int) -> ModelVersion | None:
    return next((version for version in model.versions if version.id == version_id), None)
