"""Classifies failures of the network, by the names of the errors of HTTP libraries and sockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from civitai_kit.core.errors import Code, ExtraMissing, SiteError, Unavailable, UnexpectedReply, UsageError
from civitai_kit.core.exhaustion import lack_of
from civitai_kit.core.proxies import Proxy
from civitai_kit.core.retry import Trouble

_DISTRUSTED = frozenset({"SSLCertVerificationError", "CertificateError"})
_SILENT = frozenset({"TimeoutException", "TimeoutError"})
_SENSELESS = frozenset({"UnsupportedProtocol", "InvalidURL", "UnicodeError"})
_UNREACHED = frozenset({"ConnectError", "ProxyError", "gaierror", "ConnectionRefusedError"})

_CERTIFICATE_HINT = (
    "Look at this machine's clock; behind a proxy or virus scanner of your own, name its CA file in SSL_CERT_FILE."
)
_LOGIN_WANTED = 407
# Answers of a proxy that another try may change: it cannot reach the host now, or has too much to do.
_PROXY_IN_TROUBLE = re.compile(r"(408|429|5\d\d)\b")


def no_answer(
    error: BaseException, host: str, *, silence: float, endpoint: str | None = None, proxy: Proxy | None = None
) -> tuple[SiteError, Trouble]:
    """What a request to `host` that failed with `error` amounts to, and whether another try may help.

    `silence` is the timeout in seconds, `proxy` what lies between.
    Nothing of a URL's query or of a proxy's password is told.
    """
    where: dict[str, Any] = {"endpoint": endpoint}
    lack = lack_of(error)
    if lack is not None:
        return Unavailable(lack.message, code=Code.UNFORESEEN, hint=lack.hint, **where), Trouble.REFUSED
    names = {kind.__name__ for each in _chain(error) for kind in type(each).__mro__}
    if "DecodingError" in names:
        hint = "Try again later; what is between here and the site may have changed the answer."
        return UnexpectedReply("The answer's compression is broken.", hint=hint, **where), Trouble.GARBLED
    if "EndlessHead" in names:
        hint = "Is the site's address (--api-url, base_url) right?"
        return UnexpectedReply(f"{host} gave no answer: {error}.", hint=hint, **where), Trouble.REFUSED
    if names & _DISTRUSTED:
        said = f"The certificate of {host} is not trusted: {plain_text(error)}."
        return Unavailable(said, code=Code.NETWORK, hint=_CERTIFICATE_HINT, **where), Trouble.REFUSED
    if "LocalProtocolError" in names:
        # Its text quotes the header, and that may be a key.
        said = "The request cannot be sent: one of its headers holds what no header may."
        hint = "Look at the headers of the HTTP client that was handed in."
        return Unavailable(said, code=Code.NETWORK, hint=hint, **where), Trouble.REFUSED
    if names & _SENSELESS:
        hint = "Is the site's address (--api-url, base_url) right?"
        return UnexpectedReply(f"An address of the host {host} makes no sense.", hint=hint, **where), Trouble.REFUSED
    if "ProxyError" in names:
        return _refused_by_proxy(plain_text(error), host, proxy, endpoint)
    said, hint = _words(error, names, f"{host} through {proxy}" if proxy else host, silence)
    return Unavailable(said, code=Code.NETWORK, hint=hint, **where), Trouble.NETWORK


def login_of_proxy(proxy: Proxy | None, status: int, endpoint: str | None = None) -> tuple[SiteError, Trouble] | None:
    """The failure that an answer of this status is: a proxy's 407; None for any other."""
    if status != _LOGIN_WANTED:
        return None
    name = proxy.variable if proxy else "HTTPS_PROXY"
    said = f"{_capital(proxy)} wants a name and a password, or others than these (407)."
    hint = f"Say them in the variable: {name}=http://NAME:PASSWORD@HOST:PORT, signs such as @ as %40."
    return Unavailable(said, code=Code.NETWORK, hint=hint, status=status, endpoint=endpoint), Trouble.REFUSED


def unusable_proxy(error: Exception, proxy: Proxy) -> UsageError:
    """What it means that the HTTP library takes no such proxy."""
    if isinstance(error, ImportError) and proxy.speaks_socks:
        hint = f"Or unset {proxy.variable}, or name the host in NO_PROXY; the extra `socks` brings the package."
        return ExtraMissing(
            f"{_capital(proxy)} speaks SOCKS, which takes the package socksio.", extra="socks", hint=hint
        )
    hint = f"Look at {proxy.variable}; NO_PROXY names hosts that need no proxy."
    return UsageError(f"{_capital(proxy)} cannot be used: {plain_text(error)}.", hint=hint)


def _refused_by_proxy(answer: str, host: str, proxy: Proxy | None, endpoint: str | None) -> tuple[SiteError, Trouble]:
    if answer.startswith(str(_LOGIN_WANTED)) and (login := login_of_proxy(proxy, _LOGIN_WANTED, endpoint)):
        return login
    trouble = Trouble.NETWORK if _PROXY_IN_TROUBLE.match(answer) else Trouble.REFUSED
    name = proxy.variable if proxy else "HTTPS_PROXY"
    hint = f"Look at {name}; hosts that need no proxy are named in NO_PROXY."
    said = f"{_capital(proxy)} does not lead to {host}: {answer}."
    return Unavailable(said, code=Code.NETWORK, hint=hint, endpoint=endpoint), trouble


def _capital(proxy: Proxy | None) -> str:
    name = str(proxy) if proxy else "a proxy on the way"
    return name[0].upper() + name[1:]


def _words(error: BaseException, names: set[str], host: str, silence: float) -> tuple[str, str]:
    """A sentence about a failure that may pass, and what to do about it."""
    if names & _SILENT:
        return (
            f"{host} was silent for {silence:g} seconds.",
            "Try again, or raise the timeout (--api-timeout, timeout).",
        )
    if names & _UNREACHED:
        hint = "Check the network, the proxy, and the site's address (--api-url, base_url)."
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
