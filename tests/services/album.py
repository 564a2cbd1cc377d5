"""A save path whose images are under test: the short way to ask for some and to see what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.core.events import Event
from civitai_kit.core.images.placement import Placing
from civitai_kit.core.images.plan import ImagesPlan
from civitai_kit.core.images.report import ImagesReport, TargetReport
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target, name_target
from civitai_kit.kit.parts import Kit
from civitai_kit.sandbox.worlds.records import WorldImage
from civitai_kit.services.images.images import fetch_images
from civitai_kit.services.images.plan import plan_images
from tests.services.collection import Collection

WORDS = {kind.casefold(): kind for kind in ImageKind}


def targets(*words: str) -> tuple[Target, ...]:
    """`username:ann`, `tag:line art`, `modelVersion:12` … as targets."""
    pairs = (word.split(":", 1) for word in words)
    return tuple(name_target(WORDS[kind.casefold()], value) for kind, value in pairs)


class Countdown:
    """Does something once, at the n-th event of a kind."""

    def __init__(self, kind: str, number: int, act: Callable[[], object]) -> None:
        self.kind, self.left, self.act = kind, number, act

    def __call__(self, event: Event) -> None:
        if type(event).__name__ == self.kind:
            self.left -= 1
            if self.left == 0:
                self.act()


@dataclass
class Album(Collection):
    """A save path and the sandbox; `fetch` runs as one command would."""

    stop: threading.Event = field(default_factory=threading.Event)
    heard: Callable[[Event], None] | None = None

    def kit(self, stack: ExitStack, *, writing: bool, **settings: Any) -> Kit:
        """An open kit that heeds `stop`."""
        kit = super().kit(stack, writing=writing, **settings)
        kit.stop = self.stop
        return kit

    def listen(self, event: Event) -> None:
        """Keep an event, and pass it on."""
        self.events.append(event)
        if self.heard is not None:
            self.heard(event)

    def fetch(self, *words: str, **request: Any) -> ImagesReport:
        """Fetch the images of targets; `settings` go to the kit, `placing` takes what Placing does."""
        settings = request.pop("settings", {})
        with ExitStack() as stack:
            kit = self.kit(stack, writing=True, **settings)
            return fetch_images(kit.image_parts, self._request(words, request), self.listen)

    def plan(self, *words: str, **request: Any) -> ImagesPlan:
        """Say what `fetch` would do."""
        with ExitStack() as stack:
            return plan_images(self.kit(stack, writing=False).image_parts, self._request(words, request), self.listen)

    def _request(self, words: tuple[str, ...], request: dict[str, Any]) -> ImagesRequest:
        placing = {"root_length": len(str(self.root)) + 7, "max_path": 400, **request.pop("placing", {})}
        return ImagesRequest(targets=targets(*words), placing=Placing(**placing), **request)

    def row(self, word: str, **request: Any) -> TargetReport:
        """Fetch the images of one target and give its row."""
        return self.fetch(word, **request).targets[0]

    def records(self, prefix: str = "") -> list[ImageRecord]:
        """What is remembered of images."""
        with ExitStack() as stack:
            return list(self.kit(stack, writing=False).store.images(prefix))

    def pictures(self) -> list[str]:
        """The pictures and clips there, relative to the folder of the images."""
        found = (path.removeprefix("images/") for path in self.files() if path.startswith("images/"))
        return [path for path in found if not path.endswith((".txt", ".json", ".csv"))]

    def text(self, path: str) -> str:
        """A text under the folder of the images."""
        return (self.root / "images" / path).read_text(encoding="utf-8")

    def add(self, count: int, username: str = "ann", **fields: Any) -> list[WorldImage]:
        """So many new images of somebody on the site."""
        fields.setdefault("meta", {"prompt": "a house by the sea", "Model": "dreamMix"})
        return [self.sandbox.world.add_image(username=username, **fields) for _ in range(count)]

    def asked(self, path: str = "/api/v1/images") -> list[str]:
        """The queries of the requests for a path so far."""
        return [record.query for record in self.sandbox.requests if record.path == path]

    def fetched(self) -> int:
        """How many requests the image host has had so far."""
        return sum(record.host == "storage" for record in self.sandbox.requests)
