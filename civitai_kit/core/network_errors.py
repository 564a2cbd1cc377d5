"""Classifies failures of the network, by the names of the errors of HTTP libraries and sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from civitai_kit.core.errors import Code, SiteError, Unavailable, UnexpectedReply
from civitai_kit.core.retry import Trouble

_DISTRUSTED = frozenset({"SSLCertVerificationError", "CertificateError"})
_SILENT = frozenset({"TimeoutException", "TimeoutError"})
_SENSELESS = frozenset({"UnsupportedProtocol", "InvalidURL", "UnicodeError"})
_UNREACHED = frozenset({"ConnectError", "ProxyError", "gaierror", "ConnectionRefusedError"})

_CERTIFICATE_HINT = (
    "Look at this machine's clock; behind a proxy or virus scanner of your own, name its CA file in SSL_CERT_FILE."
)


def no_answer(
    error: BaseException, host: str, *, silence: float, endpoint: str | None = None
) -> tuple[SiteError, Trouble]:
    """What a request to `host` that failed with `error` amounts to, and whether another try may help.

    `silence` is the timeout in seconds.
    Nothing of a URL's query or of a proxy's password is told.
    """
    names = {kind.__name__ for each in _chain(error) for kind in type(each).__mro__}
    where: dict[str, Any] = {"endpoint": endpoint}
    if "DecodingError" in names:
        return UnexpectedReply("The answer's compression is broken.", **where), Trouble.GARBLED
    if names & _DISTRUSTED:
        said = f"The certificate of {host} is not trusted: {plain_text(error)}."
        return Unavailable(said, code=Code.NETWORK, hint=_CERTIFICATE_HINT, **where), Trouble.REFUSED
    if "LocalProtocolError" in names:
        # Its text quotes the header, and that may be a key.
        said = "The request cannot be sent: one of its headers holds what no header may."
        hint = "Look at the headers of the HTTP client that was handed in."
        return Unavailable(said, code=Code.NETWORK, hint=hint, **where), Trouble.REFUSED
    if names & _SENSELESS:
        return UnexpectedReply(f"An address of the host {host} makes no sense.", **where), Trouble.REFUSED
    said, hint = _words(error, names, host, silence)
    return Unavailable(said, code=Code.NETWORK, hint=hint, **where), Trouble.NETWORK


def _words(error: BaseException, names: set[str], host: str, silence: float) -> tuple[str, str]:
    """A sentence about a failure that may pass, and what to do about it."""
    if names & _SILENT:
        return f"{host} was silent for {silence:g} seconds.", "Try again, or raise the timeout (--api-timeout)."
    if names & _UNREACHED:
        hint = "Check the network, the proxy, and the site's address (--api-url)."
        return f"{host} cannot be reached: {plain_text(error)}.", hint
    return f"The connection to {host} broke: {plain_text(error)}.", "Try again; what was done so far is kept."


def plain_text(error: BaseException) -> str:
    """An error's text without addresses, which may hold a proxy's password, and without a full stop."""
    text = re.sub(r"\S*(?:://|@)\S*", "…", str(error)) or type(error).__name__
    return text.strip().rstrip(".")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
