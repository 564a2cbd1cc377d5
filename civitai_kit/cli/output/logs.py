"""The log: structlog over the standard library's, as text or JSON, to stderr and a file; never with a secret in it."""

from __future__ import annotations

import logging
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.output.console import Console
from civitai_kit.cli.output.safe_text import shown
from civitai_kit.core.errors import CivitaiKitError, NotWritable, Unforeseen
from civitai_kit.core.url_keys import without_keys

if TYPE_CHECKING:
    from civitai_kit.core.events import Emit, Event
    from civitai_kit.core.settings.layers import Settings

NAME = "civitai_kit"
REDACTED = "[redacted]"
# Credentials in headers, which a library may log.
_CREDENTIALS = r"(?i)(\bbearer\s+|\b(?:authorization|cookie)['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?)[^\s&'\",\\]+"


def set_up(settings: Settings, console: Console) -> None:
    """Log at the level of the settings, in their form, to stderr (unless quiet) and to their file.

    Raises NotWritable when the file cannot be opened.
    """
    root = logging.getLogger()
    for handler in [held for held in root.handlers if getattr(held, "is_ours", False)]:
        root.removeHandler(handler)
        handler.close()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handlers = [*_to_file(settings.log_file, console), *([] if console.quiet else [_ToConsole(console)])]
    formatter = _formatter(settings) if settings.log_file or level < logging.WARNING else _plain(settings)
    for handler in handlers:
        handler.setFormatter(formatter)
        handler.is_ours = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(level)
    # It logs URLs with their signatures; our client logs the same requests without.
    logging.getLogger("httpx2").setLevel(max(level, logging.WARNING))


def logged(emit: Emit) -> Emit:
    """A sink that logs every event, then passes it on; Progress needs none."""

    def sink(event: Event) -> None:
        log_event(event)
        emit(event)

    return sink


def log_event(event: Event) -> None:
    """Log what happened, progress within a file excepted."""
    log = logging.getLogger(NAME)
    if not log.isEnabledFor(logging.DEBUG):
        return
    from civitai_kit.core.events import FileFailed, FileMoved

    if not isinstance(event, FileMoved):
        facts = " ".join(f"{name}={_fact(value)}" for name, value in zip(event._fields, event, strict=True))
        log.debug("%s %s", type(event).__name__, facts)
    if isinstance(event, FileFailed) and isinstance(event.error, Unforeseen):
        log_traceback(event.error)


def log_traceback(error: BaseException) -> str | None:
    """Log where an unforeseen error arose; says where that was logged, None when the level hides it."""
    log = logging.getLogger(NAME)
    if not log.isEnabledFor(logging.DEBUG):
        return None
    log.debug("unforeseen", exc_info=error)
    ours = [held for held in logging.getLogger().handlers if getattr(held, "is_ours", False)]
    files = [held.baseFilename for held in ours if isinstance(held, logging.FileHandler)]
    return f"The traceback is in {files[0]}." if files else "The traceback stands above."


def redactor(*secrets: str) -> Any:
    """A function that takes these secrets, and what looks like one in a header or URL, out of a text."""
    named = [re.escape(secret) for secret in secrets if len(secret) >= 4]
    exact = re.compile("|".join(named)) if named else None

    def redact(text: str) -> str:
        text = exact.sub(REDACTED, text) if exact else text
        return re.sub(_CREDENTIALS, rf"\1{REDACTED}", without_keys(text))

    return redact


class _ToConsole(logging.Handler):
    """Log lines among the other talk, above a live display."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self.console.tell(shown(line))


class _ToFile(logging.FileHandler):
    """Appends to the file that a person named; the first line that cannot be written is said, the others are lost."""

    def __init__(self, path: Path, console: Console) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.console = console

    def _open(self) -> Any:
        from civitai_kit.files.output import open_appending

        return os.fdopen(open_appending(self.baseFilename), "w", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        self.setLevel(logging.CRITICAL + 1)
        if not isinstance(error, BrokenPipeError):
            why = getattr(error, "strerror", None) or error
            self.console.warn(f"The log file {self.baseFilename} cannot be written: {why}. What follows is not in it.")

    def close(self) -> None:
        """Close the file; what its end could not take was said."""
        with suppress(OSError):
            super().close()


def _to_file(path: str, console: Console) -> list[logging.Handler]:
    if not path:
        return []
    try:
        return [_ToFile(Path(path).expanduser(), console)]
    except OSError as error:
        hint = "Name a file in a folder that exists and can be written."
        raise NotWritable(f"The log file {path} cannot be written: {error.strerror}.", hint=hint, path=path) from error


def _plain(settings: Settings) -> logging.Formatter:
    """Warnings alone need none of structlog's tools, which take a while to load; JSON does."""
    if settings.log_format == "json":
        return _formatter(settings)
    redact = redactor(settings.api_key.get_secret_value(), settings.serve.token.get_secret_value())

    class Plain(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return str(redact(super().format(record)))

    return Plain("%(levelname)s: %(message)s")


def _formatter(settings: Settings) -> logging.Formatter:
    import structlog

    redact = redactor(settings.api_key.get_secret_value(), settings.serve.token.get_secret_value())
    renderer: Any = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if settings.log_format == "json":
        last.append(structlog.processors.format_exc_info)

    class Redacting(structlog.stdlib.ProcessorFormatter):
        def format(self, record: logging.LogRecord) -> str:
            return str(redact(super().format(record)))

    return Redacting(foreign_pre_chain=shared, processors=[*last, renderer])


def _fact(value: Any) -> str:
    if isinstance(value, CivitaiKitError):
        return f"{value.code}: {value.message}"
    return repr(value) if isinstance(value, str) else str(value)
