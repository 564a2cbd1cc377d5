"""From what was typed to targets: flags, pages of the site, and lines of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.files import read_lines
from civitai_kit.core.collection.entry import ImageKind, Quality
from civitai_kit.core.images.placement import Layout, Placing
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target, distinct, name_target, target_of
from civitai_kit.core.images.template import ImageTemplate
from civitai_kit.core.settings.layers import ImagesSettings, Settings
from civitai_kit.core.site.enums import ImageSort, MediaType, NsfwLevel, Period, filter_level
from civitai_kit.core.site.references import parse_reference

# The flags that name targets, by what they name.
FLAGS: dict[str, ImageKind] = {
    "username": ImageKind.USERNAME,
    "model_id": ImageKind.MODEL,
    "model_version_id": ImageKind.MODEL_VERSION,
    "tag": ImageKind.TAG,
    "post_id": ImageKind.POST,
    "image_id": ImageKind.IMAGE,
}
# What may stand before a colon in a file.
_WORDS: dict[str, ImageKind] = {
    "user": ImageKind.USERNAME,
    "username": ImageKind.USERNAME,
    "model": ImageKind.MODEL,
    "version": ImageKind.MODEL_VERSION,
    "modelversion": ImageKind.MODEL_VERSION,
    "tag": ImageKind.TAG,
    "post": ImageKind.POST,
    "image": ImageKind.IMAGE,
}

_MEDIA = {"images": MediaType.IMAGE, "videos": MediaType.VIDEO}
# Targets whose images are known to belong to one model: --max-per-model needs that.
_OF_ONE_MODEL = frozenset({ImageKind.TAG, ImageKind.MODEL})


def typed_targets(call: Call, site: str) -> tuple[Target, ...]:
    """Every target of the command line, each once; raises UsageError for what names none."""
    targets = [_target(text, site) for text in call.arguments]
    targets += [name_target(kind, text) for flag, kind in FLAGS.items() for text in call.many(flag)]
    if (file := call.typed.get("from_file")) is not None:
        read = partial(_target, site=site)
        hint = "One page or word:name a line; # begins a comment."
        targets += read_lines(file, read, wanted="names nothing", hint=hint)
    return distinct(targets)


def _target(text: str, site: str) -> Target:
    word, colon, value = text.strip().partition(":")
    kind = _WORDS.get(word.strip().casefold())
    if colon and kind is not None and value.strip():
        return name_target(kind, value)
    return target_of(parse_reference(text, site=site))


def request_of(call: Call, settings: Settings, targets: Sequence[Target]) -> ImagesRequest:
    """What is wanted of these targets."""
    from civitai_kit.kit.ground import images_folder

    chosen = settings.images
    template = call.typed.get("path_template")
    _warn_of_idle_flags(call, {target.kind for target in targets}, chosen)
    return ImagesRequest(
        targets=tuple(targets),
        placing=Placing(
            layout=Layout(chosen.layout),
            sort=not (chosen.no_sort or call.has("no_sort")),
            root_length=len(str(images_folder(settings))),
            max_path=chosen.max_path,
            template=None if template is None else ImageTemplate(template),
        ),
        quality=Quality(chosen.quality.upper()),
        quality_typed="images__quality" in call.typed,
        media=_MEDIA.get(chosen.media),
        sort=ImageSort(chosen.sort),
        period=Period(chosen.period),
        levels=_levels(chosen),
        page_size=chosen.page_size,
        limit=chosen.limit,
        max_pages=chosen.max_pages,
        max_per_model=chosen.max_per_model,
        filter_tags=chosen.filter_tags,
        prompt_check=chosen.prompt_check,
        redownload=chosen.redownload,
        deep_scan=chosen.deep_scan,
        metadata=chosen.metadata,
        save_workflow=call.has("save_workflow"),
        concurrency=chosen.concurrency,
    )


def _levels(chosen: ImagesSettings) -> NsfwLevel | None:
    """The levels to list: the exact bits win over names; None for every level."""
    levels = None
    if chosen.browsing_level:
        levels = NsfwLevel(chosen.browsing_level)
    elif chosen.nsfw:
        levels = filter_level("nsfw", _truth(chosen.nsfw))
    return None if levels == NsfwLevel.ALL else levels


def _truth(said: str) -> str | bool:
    return {"true": True, "false": False}.get(said.strip().casefold(), said)


def _warn_of_idle_flags(call: Call, kinds: Collection[ImageKind], chosen: ImagesSettings) -> None:
    checked = ImageKind.TAG in kinds or bool(chosen.filter_tags)
    by_author = chosen.layout == Layout.AUTHOR
    for dest, idle, why in (
        ("images__deep_scan", ImageKind.USERNAME not in kinds, "for targets that are no creators"),
        ("images__max_per_model", not _OF_ONE_MODEL & set(kinds), "for targets that are no tags and no models"),
        ("images__prompt_check", not checked, "without --tag or --filter-tags"),
        ("images__nsfw", bool(chosen.browsing_level), "beside --browsing-level"),
        ("no_sort", by_author or "path_template" in call.typed, "for this layout"),
    ):
        if idle and dest in call.typed and (flag := call.flag(dest)) is not None:
            call.console.warn(f"{flag.long} has no meaning {why}; it is ignored.")
