"""Questions with answers in words, and those that `images` asks where no target was typed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.output.console import Console
from civitai_kit.core.collection.entry import ImageKind
from civitai_kit.core.errors import Interrupted, UsageError
from civitai_kit.core.images.targets import Target, distinct, name_target

T = TypeVar("T")

_MODES: dict[str, tuple[ImageKind, str]] = {
    "1": (ImageKind.USERNAME, "Enter username(s) (comma-separated)"),
    "2": (ImageKind.MODEL, "Enter model ID(s) (numeric, comma-separated)"),
    "3": (ImageKind.TAG, "Enter tags (comma-separated)"),
    "4": (ImageKind.MODEL_VERSION, "Enter model version ID(s) (numeric, comma-separated)"),
    "5": (ImageKind.POST, "Enter post ID(s) (numeric, comma-separated)"),
    "6": (ImageKind.IMAGE, "Enter image ID(s) (numeric, comma-separated)"),
}
_MODE = "Whose images? (1=user, 2=model ID, 3=tag search, 4=model version ID, 5=post ID, 6=image ID)"
_NO_MODE = "There is no default: without a target nothing can be fetched."
_NO_TARGET = "There is no default here: nothing can be fetched until one at least is named. Ctrl-C leaves."
# Targets whose images can be filtered by tags.
_FILTERED = (ImageKind.USERNAME, ImageKind.MODEL_VERSION)
_HINT = (
    "Name a target: --username, --model-id, --model-version-id, --tag, --post-id, --image-id, a page or --from-file."
)


class Dialogue:
    """Asks on stderr and reads the answers from stdin, where both are a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def is_open(self) -> bool:
        """Whether somebody is there to answer."""
        return self._console.can_ask

    def ask(self, question: str, default: str | None, check: Callable[[str], T]) -> T:
        """The answer to a question as `check` reads it; asked again while that raises UsageError.

        Enter is the default; without one `check` says why an empty answer will not do. Raises Interrupted when the
        input ends.
        """
        shown = question if default is None else f"{question} [default: {default or 'none'}]"
        while True:
            answer = self._line(f"{shown}: ").strip()
            try:
                return check(answer or default or "")
            except UsageError as error:
                self._console.complain({"message": error.message, "hint": error.hint})

    def _line(self, prompt: str) -> str:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        self._console.asking = True
        try:
            line = sys.stdin.readline()
        finally:
            self._console.asking = False
        if not line:
            raise Interrupted("The input ended in the middle of the questions.", hint="Nothing was fetched.")
        return line


def ask_for_targets(call: Call) -> tuple[Call, tuple[Target, ...]]:
    """Ask whose images are wanted, then for the settings of `images` that were not typed.

    Gives the call with the answers among what was typed, and the targets. Raises UsageError where nobody can answer.
    """
    dialogue = Dialogue(call.console)
    if not dialogue.is_open:
        raise UsageError("Nothing says whose images are wanted.", hint=_HINT)
    defaults = call.load().settings
    said = dict(call.typed)

    def ask(dest: str, question: str, default: Any, check: Callable[[str], Any]) -> None:
        if dest not in said:
            said[dest] = dialogue.ask(question, str(default), check)

    kind, question = _MODES[dialogue.ask(_MODE, None, _one_of(_MODES, empty=_NO_MODE))]
    targets = dialogue.ask(question, None, lambda text: tuple(_targets(kind, text)))
    images = defaults.images
    if kind in _FILTERED:
        ask("images__filter_tags", "Enter filter tag(s) (comma-separated, Enter for none)", "", lambda text: [text])
    if kind is ImageKind.TAG or any(said.get("images__filter_tags", ())):
        ask("images__prompt_check", "Disable prompt check? (y/n)", "n", lambda text: not _yes_no(text))
    ask("images__quality", "Choose quality (1=SD, 2=HD)", "1" if images.quality == "sd" else "2", _quality)
    ask("images__media", "Skip video files? (y/n)", "n", lambda text: "images" if _yes_no(text) else "all")
    ask("images__limit", "Limit number of images? (0 for no limit)", images.limit, _whole(0))
    ask("images__redownload", "Allow re-downloading of images that are there? (y/n)", "n", _yes_no)
    ask("images__concurrency", "Enter max concurrent downloads", images.concurrency, _whole(1))
    ask("api_client_timeout_sec", "Enter timeout value in seconds", defaults.api_client_timeout_sec, _whole(1))
    return replace(call, typed=said), distinct(targets)


def _targets(kind: ImageKind, text: str) -> Iterator[Target]:
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise UsageError(_NO_TARGET)
    for part in parts:
        yield name_target(kind, part)


def _whole(low: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not (text.isascii() and text.isdigit()) or int(text) < low:
            raise UsageError(f"A whole number from {low}, please.")
        return text

    return check


def _one_of(choices: Any, *, empty: str | None = None) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise UsageError(f"One of {', '.join(choices)}, please.", hint=None if text else empty)
        return text

    return check


def _quality(text: str) -> str:
    return {"1": "sd", "2": "hd"}[_one_of(("1", "2"))(text)]


def _yes_no(text: str) -> bool:
    word = text.casefold()
    if word not in ("y", "yes", "n", "no", "1", "2"):
        raise UsageError("y or n, please.")
    return word in ("y", "yes", "1")
