"""Signed, expiring storage URLs in the form of S3 query authentication (API facts 7.6)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, urlencode

from civitai_kit.sandbox.records import FileRecord

SECRET = b"the sandbox signs with this"
STAMP = "%Y%m%dT%H%M%SZ"
BUCKET = "civitai-delivery-worker-prod"


def signed_path(file: FileRecord, *, owner_id: int, name: str | None, seconds: int, now: datetime | None = None) -> str:
    """Path and query that let the bearer fetch `file` for `seconds`; with `name` the answer will carry it."""
    path = object_path(file, owner_id)
    query = {
        "X-Amz-Expires": str(seconds),
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "sandbox/auto/s3/aws4_request",
        "X-Amz-Date": (now or datetime.now(UTC)).strftime(STAMP),
        "X-Amz-SignedHeaders": "host",
    }
    if name is not None:
        query["response-content-disposition"] = f'attachment; filename="{name}"'
    query["X-Amz-Signature"] = _signature(path, query)
    return f"{path}?{urlencode(query, quote_via=quote)}"


def object_path(file: FileRecord, owner_id: int) -> str:
    """Where the object lies: the upload name with the file id, in base 36, before the extension."""
    stored = PurePosixPath(file.name.replace("/", "_"))
    stem = base64.urlsafe_b64encode(hashlib.sha256(stored.stem.encode("utf-8", "replace")).digest()[:9]).decode()
    return f"/{BUCKET}/{owner_id}/model/{stem}.{base36(file.id)}{quote(stored.suffix)}"


def file_id_of(path: str) -> int | None:
    """The file id in an object's path."""
    parts = path.rsplit("/", 1)[-1].split(".")
    try:
        return int(parts[1], 36) if path.startswith(f"/{BUCKET}/") and len(parts) > 1 else None
    except ValueError:
        return None


def refusal(path: str, query: str, now: datetime | None = None) -> str | None:
    """Why the signed URL is not good (an S3 error code), or None when it is."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    signature = given.pop("X-Amz-Signature", "")
    if not signature:
        return "AccessDenied"
    if not hmac.compare_digest(signature, _signature(path, given)):
        return "SignatureDoesNotMatch"
    began = datetime.strptime(given["X-Amz-Date"], STAMP).replace(tzinfo=UTC)
    over = began + timedelta(seconds=int(given["X-Amz-Expires"])) <= (now or datetime.now(UTC))
    return "ExpiredRequest" if over else None


def disposition(query: str) -> str | None:
    """The Content-Disposition that the URL asks for."""
    return dict(parse_qsl(query)).get("response-content-disposition")


def base36(number: int) -> str:
    """A number in digits and lower-case letters, at least four of them."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits.rjust(4, "0")


def _signature(path: str, query: dict[str, str]) -> str:
    canonical = path + "\n" + urlencode(sorted(query.items()), quote_via=quote)
    return hmac.new(SECRET, canonical.encode(), hashlib.sha256).hexdigest()
