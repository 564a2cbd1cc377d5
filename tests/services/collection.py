"""A collection under test: a kit over the sandbox, and the short way to scan and download with it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.events import Event
from civitai_kit.core.plans.plan import Plan
from civitai_kit.core.plans.report import Report
from civitai_kit.core.plans.selection import ScanRequest, Selection
from civitai_kit.core.settings.layers import Layer
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import parse_reference
from civitai_kit.kit.parts import Kit, open_kit
from civitai_kit.kit.settings import load_settings
from civitai_kit.services.download.download import DownloadOptions, download
from civitai_kit.services.scan.scan import scan
from civitai_kit.testing import Sandbox


@dataclass
class Collection:
    """A save path and the sandbox it is filled from; every call opens a kit of its own, as a command would."""

    sandbox: Sandbox
    root: Path
    events: list[Event] = field(default_factory=list)

    def kit(self, stack: ExitStack, *, writing: bool, **settings: Any) -> Kit:
        """An open kit, closed with the stack."""
        values = {
            "api_url": self.sandbox.url,
            "api_key": self.sandbox.api_key,
            "save_path": str(self.root),
            "api_delay_ms": 0,
            "retry_delay_ms": 1,
            "api_client_timeout_sec": 5,
            **settings,
        }
        loaded = load_settings(
            Layer("flags", values), config=None, env={}, cwd=self.root.parent, user=self.root.parent / "none.toml"
        )
        return stack.enter_context(open_kit(loaded, self.events.append, writing=writing, command="test"))

    def scan(self, *refs: str, query: ModelQuery | None = None, **parts: Any) -> Plan:
        """The plan for some REFs or for a listing; `settings` go to the kit, the rest is Selection or request."""
        with ExitStack() as stack:
            kit = self.kit(stack, writing=False, **parts.pop("settings", {}))
            return scan(kit.scan_parts, request(*refs, query=query, **parts), self.events.append)

    def download(self, *refs: str, query: ModelQuery | None = None, **parts: Any) -> Report:
        """Scan and fetch; `options` go to the download."""
        with ExitStack() as stack:
            kit = self.kit(stack, writing=True, **parts.pop("settings", {}))
            options = DownloadOptions(**parts.pop("options", {}))
            plan = scan(kit.scan_parts, request(*refs, query=query, **parts), self.events.append)
            return download(kit.download_parts, plan, options, self.events.append)

    def execute(self, plan: Plan, **options: Any) -> Report:
        """Fetch a plan that was made before."""
        with ExitStack() as stack:
            kit = self.kit(stack, writing=True)
            return download(kit.download_parts, plan, DownloadOptions(**options), self.events.append)

    def entry(self, version_id: int) -> Entry | None:
        """What the store says of a version."""
        with ExitStack() as stack:
            return self.kit(stack, writing=False).store.get(version_id)

    def entries(self) -> list[Entry]:
        """Everything in the store."""
        with ExitStack() as stack:
            return list(self.kit(stack, writing=False).store.entries())

    def files(self) -> list[str]:
        """What lies under the save path but the database, relative, sorted."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return sorted(path for path in found if not path.startswith(("civitai_download_db/", ".civitai-kit")))


def request(*refs: str, query: ModelQuery | None = None, **parts: Any) -> ScanRequest:
    """A scan of REFs, or of a listing when there are none."""
    outer = {name: parts.pop(name) for name in ("limit", "max_pages", "top") if name in parts}
    return ScanRequest(
        references=tuple(parse_reference(ref) for ref in refs),
        queries=() if refs else (query or ModelQuery(),),
        selection=Selection(**parts),
        **outer,
    )
