"""The words that a shell may offer for the value of a flag."""

from __future__ import annotations

from collections.abc import Callable


def _words(kind: str) -> tuple[str, ...]:
    from civitai_kit.core.collection.entry import Status
    from civitai_kit.core.site import vocabulary

    known = {
        "types": vocabulary.MODEL_TYPES,
        "base models": tuple(vocabulary.BASE_MODELS),
        "sorts": vocabulary.MODEL_SORTS,
        "image sorts": vocabulary.IMAGE_SORTS,
        "periods": vocabulary.PERIODS,
        "formats": vocabulary.FILE_FORMATS,
        "file types": vocabulary.FILE_TYPES,
        "statuses": tuple(status.value for status in Status),
    }
    return known[kind]


def completing(kind: str) -> Callable[[str], list[str]]:
    """What completes the beginning of a word of this kind; the words are loaded only when a shell asks."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in _words(kind) if word.startswith(incomplete)]

    return complete
