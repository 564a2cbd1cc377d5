"""Which proxy a request goes through, read from variables of the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from civitai_kit.core.errors import UsageError

_PORTS = {"http": 80, "https": 443}
_SPOKEN = ("http", "https", "socks5", "socks5h")
_SOCKS = frozenset({"socks5", "socks5h"})
# What desktops and VPN clients write; all of them speak version 5.
_OTHER_WORDS = {"socks": "socks5"}
_LOOPBACK = r"localhost|127\.[0-9.]+|::1|.+\.localhost"
# A host, perhaps with a port, as an entry of NO_PROXY has it; what does not match is an IPv6 address without brackets.
_ENTRY = r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d{1,5}))?"
_ADDRESS = r"[0-9.]+|.*:.*"


class Proxy(NamedTuple):
    """A proxy, and the name of the variable that says so; `url` may hold a password."""

    url: str
    variable: str

    def __str__(self) -> str:
        """The proxy as it may be shown: without name and password."""
        parts = urlsplit(self.url)
        return f"the proxy {parts.scheme}://{parts.netloc.rpartition('@')[2]} (variable {self.variable})"

    @property
    def speaks_socks(self) -> bool:
        """Whether it takes the extra `socks` to speak to it."""
        return urlsplit(self.url).scheme in _SOCKS


def proxy_for(variables: Mapping[str, str], url: str) -> Proxy | None:
    """The proxy for a request to `url`, None where it goes straight there.

    `http_proxy` or `https_proxy`, by the URL's own scheme, counts before `all_proxy`, and what `no_proxy` names goes
    straight; each is read in small letters first, then in capitals. Raises UsageError, which names the variable,
    where the proxy that counts makes no sense.
    """
    parts = urlsplit(url)
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        variable, value = _said(variables, name)
        if value and not _goes_straight(_said(variables, "no_proxy")[1], parts):
            return _read(value, variable)
    return None


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine itself, as long as no proxy lies between."""
    return re.fullmatch(_LOOPBACK, (urlsplit(url).hostname or "").casefold()) is not None


def is_in_clear(url: str, proxy: Proxy | None) -> bool:
    """Whether others can read what is sent to `url`."""
    return urlsplit(url).scheme == "http" and (proxy is not None or not is_loopback(url))


def _said(variables: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable's name as it is spelled there, and what it says; an empty one in small letters counts too."""
    for spelled in (name, name.upper()):
        # A web server hands a header `Proxy` of its visitors to its programs as HTTP_PROXY.
        if spelled in variables and not (spelled == "HTTP_PROXY" and "REQUEST_METHOD" in variables):
            return spelled, variables[spelled].strip()
    return name, ""


def _read(value: str, variable: str) -> Proxy:
    scheme, mark, rest = value.partition("://")
    scheme, rest = (scheme.casefold(), rest) if mark else ("http", value)
    scheme = _OTHER_WORDS.get(scheme, scheme)
    if scheme not in _SPOKEN:
        raise _refused(variable, f"names a proxy of a kind that is not known, {scheme[:20]!r}")
    url = f"{scheme}://{rest}"
    if not _is_address(url):
        raise _refused(variable, "is no address of a proxy")
    return Proxy(url, variable)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\\%]", parts.netloc.rpartition("@")[2])
    except ValueError:
        return False


def _refused(variable: str, why: str) -> UsageError:
    hint = f"Such as {variable}=http://127.0.0.1:3128 or socks5://127.0.0.1:1080; NO_PROXY names hosts that need none."
    return UsageError(f"The variable {variable} {why}.", hint=hint)


def _goes_straight(exempt: str, parts: SplitResult) -> bool:
    host, port = (parts.hostname or "").casefold(), parts.port or _PORTS.get(parts.scheme)
    return any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", exempt.casefold()) if entry)


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY (`*`, a domain, a host with its port, an address, a network) means a host."""
    entry = entry.rpartition("://")[2]
    if "/" in entry:
        return _holds(entry, host)
    found = re.fullmatch(_ENTRY, entry)
    name, wanted = (found[1].strip("[]"), found[2]) if found else (entry, None)
    if wanted is not None and int(wanted) != port:
        return False
    if name == "*":
        return True
    name = name.removeprefix("*").removeprefix(".")
    return host == name or (bool(name) and host.endswith(f".{name}") and not re.fullmatch(_ADDRESS, host))


def _holds(network: str, host: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
