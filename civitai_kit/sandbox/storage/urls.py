"""URLs of the second host: signed, expiring ones of files (site.md 7.6), and those of images (site.md 8.4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, urlencode

from civitai_kit.sandbox.worlds.bodies import Body
from civitai_kit.sandbox.worlds.content import WorldContent
from civitai_kit.sandbox.worlds.records import WorldFile, WorldImage

SECRET = b"the sandbox signs with this"
STAMP = "%Y%m%dT%H%M%SZ"
BUCKET = "civitai-delivery-worker-prod"


def signed_path(file: WorldFile, *, owner_id: int, name: str | None, seconds: int, now: datetime | None = None) -> str:
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


def object_path(file: WorldFile, owner_id: int) -> str:
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
    """The WorldContent-Disposition that the URL asks for."""
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


MEDIA_ACCOUNT = "xG1nkqKTMzGDvpLrqFT7WA"
"""The account id in every delivery URL (site.md 1.1)."""


def delivery_url(storage_url: str, image: WorldImage, *, name: str | None = None) -> str:
    """Where the original of an image is delivered; `name` is decorative."""
    if image.url is not None:
        return image.url
    return f"{storage_url}/{MEDIA_ACCOUNT}/{image.uuid}/original=true/{name or image.uuid}.{image.extension}"


def thumbnail_url(storage_url: str, image: WorldImage) -> str | None:
    """Where a still picture of a clip is delivered, None for what is no clip (site.md 8.2)."""
    if image.type != "video":
        return None
    return f"{storage_url}/{MEDIA_ACCOUNT}/{image.uuid}/anim=false,transcode=true,original=true/{image.uuid}.jpeg"


def delivered(content: WorldContent, path: str) -> tuple[Body, str] | None:
    """The bytes and content type for a delivery path, None when there are none."""
    parts = path.strip("/").split("/")
    if len(parts) < 2 or parts[0] != MEDIA_ACCOUNT:
        return None
    image = content.image_by_uuid(parts[1])
    if image is None or image.body is None:
        return None
    return _rendition(image, image.body, _transforms(parts[2]) if len(parts) > 3 else {})


def _transforms(segment: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in segment.split(",") if "=" in part)


def _rendition(image: WorldImage, body: Body, transforms: dict[str, str]) -> tuple[Body, str]:
    if image.type == "video":
        return _video_rendition(image, body, transforms)
    if "width" in transforms and image.resized is not None:
        return image.resized, "image/webp"
    return body, image.content_type


def _video_rendition(image: WorldImage, body: Body, transforms: dict[str, str]) -> tuple[Body, str]:
    """`anim=false` gives a still; in poster mode so does the plain original, until a quality is asked for."""
    still = transforms.get("anim") == "false"
    plain = "quality" not in transforms and "transcode" not in transforms
    if image.poster is not None and (still or (image.poster_only and plain)):
        return image.poster, "image/webp"
    return body, image.content_type
