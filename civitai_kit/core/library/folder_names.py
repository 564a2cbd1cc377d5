"""The name of a file's folder in the library: the data manager's, unless two files would share it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import count

from civitai_kit.core.paths.relative_paths import path_key
from civitai_kit.core.paths.safe_names import safe_name

# With the longest of its endings, `_civitai_model_version.json`, a name must fit a file system.
LONGEST_FOLDER = 160
_MARK = 8


def manager_name(stem: str) -> str:
    """The stem as the data manager writes it: all but letters, digits, `_` and `-` becomes one `_`.

    `My Model v1.5 [anime]` → `My_Model_v1_5_anime`. Empty for a stem of symbols alone.
    """
    return re.sub("_+", "_", re.sub(r"[^\w-]", "_", stem).strip("._ ")).strip("_")


class FolderNames:
    """Gives each file a folder of its own; the same file gets the same name again when it is `held` for it."""

    def __init__(self, held: Iterable[tuple[str, str]] = ()) -> None:
        self._by_path: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        for path, folder in held:
            self._by_path[path] = folder
            self._taken[path_key(folder)] = path

    def name(self, path: str) -> str:
        """The folder for the file at an absolute path with `/`."""
        if path in self._by_path:
            return self._by_path[path]
        return self.another(path)

    def another(self, path: str) -> str:
        """A folder for the file at a path that nothing had before, not even this path."""
        folder = next(name for name in _names(path) if path_key(name) not in self._taken)
        self._by_path[path] = folder
        self._taken[path_key(folder)] = path
        return folder


def _names(path: str) -> Iterator[str]:
    """What a folder may be called, the plainest first, without end."""
    stem = path.rpartition("/")[2].rpartition(".")[0] or path.rpartition("/")[2]
    plain = safe_name(manager_name(stem), "model", limit=LONGEST_FOLDER)
    yield plain
    for number in count():
        named = f"{path}\0{number}" if number else path
        yield f"{plain}_{sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:_MARK]}"
