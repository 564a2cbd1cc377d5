"""Errors of ours as answers over HTTP, in the form that the documented API has: `{"detail": …}`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.responses import JSONResponse, Response

from civitai_kit.core.catalog.document import BrokenCatalog
from civitai_kit.core.errors import BadQuery, CivitaiKitError, NotFound, SiteError, StoreLocked, Unavailable, UsageError
from civitai_kit.services.catalog.catalogs import NotNow

# Hears of every error that an answer was made of.
Told = Callable[[CivitaiKitError], None]


def not_by(methods: Iterable[str]) -> Response:
    """The answer to a method that a path does not have; it has these."""
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(methods))})


def of_error(error: CivitaiKitError) -> Response:
    """The answer for an error: its own status where it has one, 502 where the site was not reached."""
    status, detail = _said(error)
    return JSONResponse({"detail": detail}, status)


def _said(error: CivitaiKitError) -> tuple[int, str]:
    if isinstance(error, NotNow):
        return error.status, error.message
    if isinstance(error, NotFound) and error.endpoint is None:
        return 404, error.message
    if isinstance(error, UsageError | BadQuery):
        return 400, error.message
    if isinstance(error, SiteError):
        if error.status is None or isinstance(error, Unavailable):
            return error.status or 502, f"Failed to reach CivitAI: {error.message}"
        return error.status, f"CivitAI API returned {error.status}"
    if isinstance(error, StoreLocked):
        return 503, "Another program is changing the catalogs; try again."
    if isinstance(error, BrokenCatalog):
        return 500, error.message
    return 500, "The catalogs cannot be changed now; the server's log says why."
