"""Error documents of the storage host, and how faults change the headers of a right answer."""

from __future__ import annotations

from civitai_kit.sandbox.faults import Pending

NO_SUCH_RANGE = "The requested range is not satisfiable"


class StorageRefusal(Exception):
    """The request gets an error document of this status instead of an object."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


def bend(headers: dict[str, str], faults: dict[str, Pending]) -> None:
    """Change the headers as the faults want them."""
    if "no_content_length" in faults:
        del headers["Content-Length"]
        headers["Transfer-Encoding"] = "chunked"
    if "wrong_length" in faults:
        length = int(headers["Content-Length"]) + int(faults["wrong_length"].number("by"))
        headers["Content-Length"] = str(max(0, length))
    if "no_etag" in faults:
        del headers["ETag"]
    if "weak_etag" in faults:
        headers["ETag"] = "W/" + headers["ETag"]
    if "odd_etag" in faults:
        headers["ETag"] = '"é\xff"'
        headers["Last-Modified"] = "hier à midi"
    if "wrong_range" in faults and "Content-Range" in headers:
        span, _, size = headers["Content-Range"].removeprefix("bytes ").partition("/")
        first, last = (int(number) + int(faults["wrong_range"].number("by")) for number in span.split("-"))
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"


def refusal_for(pending: Pending) -> StorageRefusal:
    """The error document that a fault stands for."""
    match pending.name:
        case "expired":
            return StorageRefusal(403, "ExpiredRequest", "Request has expired")
        case "range_416":
            return StorageRefusal(416, "InvalidRange", NO_SUCH_RANGE)
        case "storage_404":
            return StorageRefusal(404, "NoSuchKey", "The specified key does not exist.")
        case "storage_429":
            wait = {"Retry-After": f"{pending.number('retry_after'):g}"}
            return StorageRefusal(429, "TooManyRequests", "Please reduce your request rate.", wait)
        case "storage_503":
            return StorageRefusal(503, "SlowDown", "Please reduce your request rate.")
        case _:
            return StorageRefusal(500, "InternalError", "We encountered an internal error. Please try again.")
