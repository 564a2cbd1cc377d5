"""`civitai-kit images`: the pictures of creators, models, versions, tags and posts, sorted into folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import IMAGE_PANELS, IMAGES
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.core.images.request import ImagesRequest
    from civitai_kit.kit.settings import Loaded

DETAILS = """A PAGE is a page of the site: of a user, model, version, tag, post or image; in a file also lines such as
user:NAME, tag:NAME, model:ID, version:ID, post:ID, image:ID. Every list may be repeated or separated by commas. What
is there already is not fetched again; a listing that broke off goes on where it stopped. Without a target you are
asked, question by question. --dry-run lists what would be fetched."""


def run(call: Call) -> Outcome:
    """Fetch the images of the targets, those typed or those asked for."""
    from civitai_kit.cli.input.images import typed_targets

    loaded = call.load()
    targets = typed_targets(call, loaded.settings.api_url)
    if not targets:
        from civitai_kit.cli.input.questions import ask_for_targets

        call, targets = ask_for_targets(call)
        loaded = call.load()

    from civitai_kit.cli.input.images import request_of

    request = request_of(call, loaded.settings, targets)
    return _planned(call, loaded, request) if call.has("dry_run") else _fetched(call, loaded, request)


def _planned(call: Call, loaded: Loaded, request: ImagesRequest) -> Outcome:
    """What would be fetched; nothing is written, no lock is taken."""
    from civitai_kit.cli.output.images_progress import ImagesProgress
    from civitai_kit.cli.output.images_view import plan_lines
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.images.plan import plan_images

    with (
        ImagesProgress(call.console) as progress,
        open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop) as kit,
    ):
        parts = kit.image_parts
        plan = plan_images(parts, request, progress)
        free = parts.out.free()
    data = {**plan.as_json(), "free": free}
    place = loaded.settings.images.output_dir or f"{loaded.settings.save_path}/images"
    return Outcome(data, list(plan_lines(plan, place, free)), plan.error_rows(), plan.exit_code)


def _fetched(call: Call, loaded: Loaded, request: ImagesRequest) -> Outcome:
    from civitai_kit.cli.output.images_progress import ImagesProgress
    from civitai_kit.cli.output.images_view import report_lines
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.images.images import fetch_images

    with (
        ImagesProgress(call.console) as progress,
        open_kit(loaded, progress, writing=True, command=call.command, stop=call.stop) as kit,
    ):
        report = fetch_images(kit.image_parts, request, progress)
    return Outcome(report.as_json(), list(report_lines(report, request)), report.error_rows(), report.exit_code)


COMMAND = Command(run, IMAGES, "PAGE", DETAILS, IMAGE_PANELS)
