"""From what was typed to targets: flags, pages of the site, and lines of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from civitai_kit.cli.call import Call
from civitai_kit.core.entry import ImageKind
from civitai_kit.core.errors import UsageError
from civitai_kit.core.image_targets import Target, distinct, name_target, target_of
from civitai_kit.core.references import parse_reference, read_references

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


def typed_targets(call: Call, site: str) -> tuple[Target, ...]:
    """Every target of the command line, each once; raises UsageError for what names none."""
    targets = [_target(text, site) for text in call.arguments]
    targets += [name_target(kind, text) for flag, kind in FLAGS.items() for text in call.many(flag)]
    if (file := call.typed.get("from_file")) is not None:
        targets += _from_file(file, site)
    return distinct(targets)


def _target(text: str, site: str) -> Target:
    word, colon, value = text.strip().partition(":")
    kind = _WORDS.get(word.strip().casefold())
    if colon and kind is not None and value.strip():
        return name_target(kind, value)
    return target_of(parse_reference(text, site=site))


def _from_file(file: str, site: str) -> Iterator[Target]:
    lines = read_references(_text_of(file).splitlines())
    if not lines:
        raise UsageError(f"{file} names nothing.", hint="One page or word:name a line; # begins a comment.")
    for number, text in lines:
        try:
            yield _target(text, site)
        except UsageError as error:
            raise UsageError(f"{file}, line {number}: {error.message}", hint=error.hint) from error


def _text_of(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--from-file: {file} cannot be read: {error.strerror}.", path=file) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--from-file: {file} is not text in UTF-8.", path=file) from error
