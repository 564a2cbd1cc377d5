"""How the site itself can do wrong with one model: its answer to questions about it, and what may truly be said."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from torture.faults_storage import PAGE, bomb
from torture.site import Request, Site, answer, json_answer

Act = Callable[[Site, Request], bool | None]
Row = tuple[str, Act, str]
Change = Callable[[dict[str, Any]], Any]


def _is_about_it(request: Request) -> bool:
    return request.path in ("/api/v1/models/1", "/api/v1/model-versions/11")


def _is_list(request: Request) -> bool:
    """Whether several models are asked for by their ids."""
    return request.path == "/api/v1/models" and "ids" in request.query


def _sends(content: bytes, **headers: str) -> Act:
    """These bytes with status 200 for all that is asked about the model alone; lists of models lack it."""
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    whole = answer(200, content, named)

    def act(site: Site, request: Request) -> bool | None:
        if _is_about_it(request):
            request.send(whole)
        elif _is_list(request):
            request.send(json_answer({"items": [site.models[2], site.models[3]], "metadata": {}}))
        else:
            return False
        return True

    return act


def _shows(change: Change) -> Act:
    """The model with something changed in it, wherever it is shown."""

    def act(site: Site, request: Request) -> bool | None:
        model = json.loads(json.dumps(site.models[1]))
        changed = change(model)
        shown = model if changed is None else changed
        if request.path == "/api/v1/models/1":
            request.send(json_answer(shown))
            return True
        if _is_list(request):
            request.send(json_answer({"items": [shown, site.models[2], site.models[3]], "metadata": {}}))
            return True
        return False

    return act


def _version(**over: Any) -> Act:
    return _shows(lambda model: model["modelVersions"][0].update(over))


def _file(**over: Any) -> Act:
    return _shows(lambda model: model["modelVersions"][0]["files"][0].update(over))


_NO = "unexpected_reply not_found unavailable skip:no_files"
_MAY = f"ok {_NO} hash_mismatch size_mismatch skip:not_downloadable"
API: tuple[Row, ...] = (
    ("a page", _sends(PAGE, Content_Type="text/html"), f"login_required {_NO}"),
    ("nothing", _sends(b""), _NO),
    ("half of it", _sends(b'{"id": 1, "name": "x", "modelVersions": [{"id"'), _NO),
    ("100,000 levels", _sends(b"[" * 100_000), _NO),
    ("a number of 5,000 digits", _sends(b'{"id": ' + b"9" * 5000 + b"}"), _NO),
    ("not a number", _sends(b'{"id": NaN}'), _NO),
    ("a gzip bomb", _sends(bomb(), Content_Encoding="gzip"), _NO),
    ("a gzip that is none", _sends(b"{}", Content_Encoding="gzip"), f"network {_NO}"),
    ("UTF-16", _sends('{"id": 1}'.encode("utf-16")), _NO),
    ("a list", _sends(b"[1, 2, 3]"), _NO),
    ("null", _sends(b"null"), _NO),
    ("a list of models", _sends(gzip.compress(b'{"items": 5}'), Content_Encoding="gzip"), _NO),
    ("no versions", _shows(lambda model: model.update(modelVersions=None)), _NO),
    ("versions that are a word", _shows(lambda model: model.update(modelVersions="x")), _NO),
    ("a version that is a number", _shows(lambda model: model.update(modelVersions=[5])), _NO),
    ("a version without an id", _version(id=None), f"skip:no_files {_MAY}"),
    ("a version of 30 digits", _version(id=10**30), f"skip:no_files {_MAY}"),
    ("files that are null", _version(files=None), _NO),
    ("files that are a word", _version(files="x"), _NO),
    ("a file that is a number", _version(files=[5]), _NO),
    ("a file without an id", _file(id=None), _MAY),
    ("a file without a name", _file(name=None), _MAY),
    ("a name that is a number", _file(name=5), _MAY),
    ("a name that is a list", _file(name=["x"]), _MAY),
    ("hashes that are a word", _file(hashes="x"), _MAY),
    ("a hash that is a number", _file(hashes={"SHA256": 5}), _MAY),
    ("a hash of other bytes", _file(hashes={"SHA256": "0" * 64}), "hash_mismatch"),
    ("a size below zero", _file(sizeKB=-5), _MAY),
    ("a size beyond all", _file(sizeKB=1e308), f"disk_full {_MAY}"),
    ("a size that is a word", _file(sizeKB="big"), _MAY),
    ("no hash and a small size", _file(hashes={}, sizeKB=1), "size_mismatch ok"),
    ("no hash and no size", _file(hashes=None, sizeKB=None), _MAY),
    ("an address elsewhere", _file(downloadUrl="http://127.0.0.3:1/x"), _MAY),
    ("an address that is script", _file(downloadUrl="javascript:alert(1)"), _MAY),
    ("an address that is a number", _file(downloadUrl=5), _MAY),
    ("an id that is a word", _shows(lambda model: model.update(id="x")), _MAY),
    ("a creator that is a number", _shows(lambda model: model.update(creator=5)), _MAY),
    ("tags that are numbers", _shows(lambda model: model.update(tags=[1, None, {}])), _MAY),
    ("a name with half a letter", _shows(lambda model: model.update(name="half \ud800 letter")), "ok"),
    ("dates that are none", _version(publishedAt="yesterday", createdAt=5), _MAY),
    ("early access that is a word", _version(availability=5, earlyAccessEndsAt="x"), f"early_access {_MAY}"),
)
