"""The world that the pretend site shows: its content, its habits, and ready-made ones for tests and measuring."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from civitai_kit.sandbox.worlds import standard
from civitai_kit.sandbox.worlds.content import WorldContent
from civitai_kit.sandbox.worlds.gallery import Gallery

MODEL_WEIGHT = 2_700
"""About how many bytes of JSON a model of the large world has without its description."""

BASE_MODELS = ("SDXL 1.0", "Pony", "Illustrious", "Flux.1 D", "SD 1.5")


@dataclass(slots=True)
class World(WorldContent):
    """What the pretend site holds and how it behaves; empty by itself, see `standard`, `large`, `images_on_the_fly`.

    It may be changed at any time: by the methods, or by setting what they have returned.
    """

    now: datetime = datetime(2026, 8, 8, 12, tzinfo=UTC)
    """The site's idea of today; `period` counts from it."""
    downloads_need_key: bool = True
    """Whether every download wants a key."""
    download_limit: int | None = None
    """Downloads a caller may make before the quota answer; None for no limit."""
    download_url_form: Literal["params", "fileId"] = "fileId"
    """Which form of download URL the by-id endpoints print; `params` is that of before August 2026 (site.md 7.5)."""
    unique_names: bool = True
    """Whether computed names that files of a version would share are told apart: since September 2026 (site.md 7.4)."""
    storage_mode: Literal["r2", "b2"] = "r2"
    """`b2` leaves Content-Disposition out (site.md 7.6)."""
    signature_seconds: int = 86400
    """How long signed addresses of the storage hold."""
    region: str | None = None
    """Country of the callers; GB and AU are refused (site.md 1.3)."""
    file_preferences: dict[str, str] = field(default_factory=dict)
    """The signed-in user's own format, size, fp and quantType (site.md 7.3)."""
    downloads: list[tuple[int, int]] = field(default_factory=list)
    """Version id and file id of every redirect given so far."""
    download_counts: Counter[str] = field(default_factory=Counter)
    """How many redirects each caller was given: the key's user, or an address."""
    feed_depth: int | None = None
    """The gallery's feed ends after so many images, in whatever order (site.md 8.1); None for all."""
    user_status: Literal["active", "muted", "banned"] = "active"
    """What `/me` says of the key's owner."""

    @classmethod
    def standard(cls) -> World:
        """The small world with every state of the real site; `Known` has the ids of its models."""
        world = cls()
        standard.fill(world)
        return world

    @classmethod
    def large(cls, models: int = 3000, bytes_each: int = 11_000) -> World:
        """A world of many models whose JSON weighs about `bytes_each`, for measuring listings."""
        world = cls()
        _add_many(world, models, bytes_each)
        return world

    @classmethod
    def images_on_the_fly(cls, count: int) -> World:
        """A world with a gallery of `count` images that are made when asked for."""
        world = cls()
        world.images = Gallery(count, world.add_user("gallery"))
        return world


def _add_many(world: World, count: int, bytes_each: int) -> None:
    """`count` LORAs of two hundred people, each of about `bytes_each` bytes of JSON."""
    for number in range(count):
        model = world.add_model(
            f"Crowd Model {number}",
            id=10_001 + number,
            username=f"creator_{number % 200}",
            description="<p>" + "A model of the crowd. " * max(0, (bytes_each - MODEL_WEIGHT) // 22) + "</p>",
            tags=["crowd", f"tag{number % 50}"],
            thumbs_up=number % 997,
            downloads=number * 7,
        )
        version = world.add_version(model, base_model=BASE_MODELS[number % len(BASE_MODELS)])
        world.add_file(version, f"crowd_{number}.safetensors", size=2048)
        world.add_image(version=version)
