"""What came of making the pages of a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesReport:
    """The pages of a library: paths in it, the index first. `written` of them are new or changed."""

    pages: tuple[str, ...] = ()
    models: int = 0
    written: int = 0

    def as_json(self, shown: Mapping[str, str]) -> dict[str, Any]:
        """The `data` of `library pages --json`; `shown` has each page's path as the command names it."""
        return {"pages": [shown[path] for path in self.pages], "models": self.models, "written": self.written}
