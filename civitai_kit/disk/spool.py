"""The site's raw answers of a scan, kept in a nameless temporary file until the sidecars are written."""

from __future__ import annotations

import json
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from civitai_kit.core.errors import DiskFull, NotWritable
from civitai_kit.files.errors import is_full

_LEVEL = 1


class Spool:
    """Answers by version id and model id, in the system's temporary folder; fits the ports' Answers.

    In memory there are only offsets. The file has no name where the system allows it, so that nothing is left
    whatever ends the process. Safe for several threads.
    """

    def __init__(self) -> None:
        with _spooling():
            self._file = tempfile.TemporaryFile(prefix="civitai-kit-")  # noqa: SIM115
        self._versions: dict[int, tuple[int, int]] = {}
        self._models: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._using = threading.Lock()

    def keep(self, model: Mapping[str, Any] | None, version: Mapping[str, Any], version_id: int) -> None:
        """Spool a version's object and its model's (with all versions); a model only the first time."""
        model_id = model.get("id") if model is not None else None
        with self._using:
            self._versions[version_id] = self._append(version)
            if model is not None and isinstance(model_id, int) and model_id not in self._models:
                self._models[model_id] = self._append(model)

    def version(self, version_id: int) -> dict[str, Any] | None:
        """The version's object as received, None when it was not heard."""
        with self._using:
            return self._load(self._versions.get(version_id))

    def model(self, model_id: int) -> dict[str, Any] | None:
        """The model's object as received, None when it was not heard."""
        with self._using:
            return self._load(self._models.get(model_id))

    def close(self) -> None:
        """Let all of it go; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, answer: Mapping[str, Any]) -> tuple[int, int]:
        # ASCII: half a surrogate pair, which the site can send, passes as an escape.
        record = zlib.compress(json.dumps(answer).encode(), _LEVEL)
        with _spooling():
            self._file.seek(self._end)
            self._file.write(record)
            self._file.flush()
        place = (self._end, len(record))
        self._end += len(record)
        return place

    def _load(self, place: tuple[int, int] | None) -> dict[str, Any] | None:
        if place is None:
            return None
        offset, length = place
        self._file.seek(offset)
        answer: dict[str, Any] = json.loads(zlib.decompress(self._file.read(length)))
        return answer


@contextmanager
def _spooling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        folder = tempfile.gettempdir()
        kind = DiskFull if is_full(error) else NotWritable
        raise kind(
            f"The temporary folder {folder} cannot take the site's answers: {error.strerror or error}",
            hint="Make room there, or name another folder in the variable TMPDIR.",
            path=folder,
        ) from error
