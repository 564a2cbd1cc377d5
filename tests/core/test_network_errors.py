"""What failures of the network amount to, told from the names of their classes."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import SiteError, Unavailable, UnexpectedReply
from civitai_kit.core.network_errors import no_answer, plain_text
from civitai_kit.core.retry import Trouble

CASES: list[tuple[BaseException, type[SiteError], str, Trouble]] = [
    (httpx2.ReadTimeout("slow"), Unavailable, "silent for 3 seconds", Trouble.NETWORK),
    (TimeoutError("slow"), Unavailable, "silent for 3 seconds", Trouble.NETWORK),
    (httpx2.ConnectError("no route"), Unavailable, "host.test cannot be reached: no route", Trouble.NETWORK),
    (socket.gaierror(-2, "unknown name"), Unavailable, "cannot be reached", Trouble.NETWORK),
    (httpx2.RemoteProtocolError("ended early"), Unavailable, "broke: ended early", Trouble.NETWORK),
    (ConnectionResetError("reset"), Unavailable, "broke: reset", Trouble.NETWORK),
    (ssl.SSLCertVerificationError("self-signed"), Unavailable, "is not trusted", Trouble.REFUSED),
    (httpx2.LocalProtocolError("bad header secret-key"), Unavailable, "cannot be sent", Trouble.REFUSED),
    (httpx2.UnsupportedProtocol("gopher"), UnexpectedReply, "makes no sense", Trouble.REFUSED),
    (httpx2.InvalidURL("no port"), UnexpectedReply, "makes no sense", Trouble.REFUSED),
    (httpx2.DecodingError("not gzip"), UnexpectedReply, "compression is broken", Trouble.GARBLED),
]


@pytest.mark.parametrize(("error", "kind", "said", "trouble"), CASES, ids=[type(case[0]).__name__ for case in CASES])
def test_a_failure_is_told_by_the_name_of_its_class(
    error: BaseException, kind: type[SiteError], said: str, trouble: Trouble
) -> None:
    why, found = no_answer(error, "host.test", silence=3, endpoint="/api/v1/models")
    assert (type(why), found, why.endpoint) == (kind, trouble, "/api/v1/models")
    assert said in why.message and "secret-key" not in why.message


def test_what_a_library_wraps_decides_over_the_wrapping() -> None:
    wrapped = httpx2.ConnectError("failed")
    wrapped.__cause__ = ssl.SSLCertVerificationError("expired")
    assert no_answer(wrapped, "host.test", silence=3)[1] is Trouble.REFUSED


@given(st.text("abcXYZ019:%!", min_size=1))
def test_no_text_of_an_error_tells_the_password_of_a_proxy(password: str) -> None:
    secret = f"<{password}>"
    said = plain_text(OSError(f"no way through http://me:{secret}@proxy.test:8080/ today"))
    assert secret not in said and said == "no way through … today"


def test_an_error_without_a_text_is_told_by_its_name() -> None:
    assert plain_text(ConnectionResetError()) == "ConnectionResetError"
