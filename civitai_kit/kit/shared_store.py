"""The database of a process that serves: many read it while a download writes it, and LMDB opens it once a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from civitai_kit.kit.ground import Ground

if TYPE_CHECKING:
    from civitai_kit.core.events import Emit
    from civitai_kit.store.lmdb_store import LmdbStore


class SharedStore:
    """Opens the ground's database when it is first wanted, and hands it to all; it stands in for `Ground.store`.

    Between two downloads it is open for reading, during one for writing. To change from one to the other, those who
    read are waited for: keep it for one question, not for a whole run. A writer waits for the writer before it.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._open: LmdbStore | None = None
        self._readers = 0
        self._is_changing = False

    @contextmanager
    def store(self, emit: Emit, *, read_only: bool) -> Iterator[LmdbStore]:
        """The database within `with`; raises what opening it raises."""
        with self._read(emit) if read_only else self._written(emit) as store:
            yield store

    def close(self) -> None:
        """Close it once nobody reads it; who wants it later opens it again."""
        with self._alone():
            pass

    @contextmanager
    def _read(self, emit: Emit) -> Iterator[LmdbStore]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_changing)
            self._let_go_of_what_is_gone()
            if self._open is None or not self._open.is_there:
                self._open = self._ground.store(emit, read_only=True)
            store = self._open
            self._readers += 1
        try:
            yield store
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def _let_go_of_what_is_gone(self) -> None:
        """Close a database that was removed or replaced since; while it is written or read, that waits."""
        held = self._open
        if held is not None and not self._writing.locked() and not self._readers and not held.is_current:
            self._open = None
            held.close()

    @contextmanager
    def _written(self, emit: Emit) -> Iterator[LmdbStore]:
        with self._writing:
            with self._alone():
                store = self._open = self._ground.store(emit, read_only=False)
            try:
                yield store
            finally:
                with self._alone():
                    pass

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for those who read, close what is open, and let nobody in within `with`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_changing)
            self._is_changing = True
            self._changed.wait_for(lambda: not self._readers)
            held, self._open = self._open, None
        try:
            if held is not None:
                held.close()
            yield
        finally:
            with self._changed:
                self._is_changing = False
                self._changed.notify_all()
