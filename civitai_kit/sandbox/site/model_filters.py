"""Which models a listing's query means (site.md 2.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from civitai_kit.sandbox.site import enums
from civitai_kit.sandbox.site.render import visible_versions
from civitai_kit.sandbox.site.replies import SiteRefusal, json_reply
from civitai_kit.sandbox.worlds.records import WorldModel
from civitai_kit.sandbox.worlds.world import World

Options = dict[str, Any]
Test = Callable[[WorldModel], bool]


def index_tests(options: Options) -> list[Test]:
    """The conditions that the search index knows: visible at all, level, type."""
    levels = levels_of(options)
    tests: list[Test] = [
        lambda m: m.status == "Published" and not m.poi and m.availability != "Private",
        lambda m: bool(m.nsfw_level & levels),
    ]
    if options.get("nsfw"):
        tests.append(lambda m: not m.minor)
    if "types" in options:
        tests.append(lambda m: m.type in options["types"])
    return tests


def database_tests(world: World, options: Options) -> list[Test]:
    """Every condition of the query."""
    tests = index_tests(options) + _owner_tests(world, options) + _tag_tests(world, options)
    if not options.get("archived"):
        tests.append(lambda m: m.mode != "Archived")
    if options.get("period") in enums.PERIOD_DAYS and options.get("periodMode", "published") == "published":
        since = world.now - timedelta(days=enums.PERIOD_DAYS[options["period"]])
        tests.append(lambda m: m.last_version_at >= since)
    return tests + [_named_test(name, options[name]) for name in NAMED_TESTS if options.get(name)]


def levels_of(options: Options) -> int:
    """The levels that a listing shows, as a bit mask."""
    return enums.ALL_LEVELS if options.get("nsfw") else enums.PG


NAMED_TESTS: dict[str, Callable[[WorldModel, Any], bool]] = {
    "ids": lambda m, ids: m.id in ids,
    "modelVersionIds": lambda m, ids: any(version.id in ids for version in m.versions),
    "baseModels": lambda m, names: any(version.base_model in names for version in visible_versions(m)),
    "checkpointType": lambda m, name: m.type != "Checkpoint" or m.checkpoint_type == name,
    "earlyAccess": lambda m, _: any(v.paid is not None and not v.paid.permanent for v in m.versions),
    "supportsGeneration": lambda m, _: m.supports_generation,
    "allowCommercialUse": lambda m, uses: bool(set(re.findall(r"\w+", str(m.allow_commercial_use))) & set(uses)),
}


def _named_test(name: str, value: Any) -> Test:
    return lambda model: NAMED_TESTS[name](model, value)


def _tag_tests(world: World, options: Options) -> list[Test]:
    """An unknown tag filters nothing; a blocked one leaves nothing."""
    tag = options.get("tagname", options.get("tag"))
    if tag in world.blocked_tags:
        return [lambda m: False]
    return [lambda m: tag in m.tags] if tag in world.tags else []


def _owner_tests(world: World, options: Options) -> list[Test]:
    name = options.get("user")
    if "username" in options:
        name = normal_username(options["username"])
    if name is None:
        return []
    known = world.users.get(name.lower())
    if known is None:
        raise SiteRefusal(json_reply({"message": "User not found"}, 404))
    return [lambda m: m.user is known]


def normal_username(given: str) -> str:
    """The name as the site compares it: first space to `_`, other signs removed, lower case."""
    return re.sub(r"[^A-Za-z0-9_]", "", given.replace(" ", "_", 1)).lower()
