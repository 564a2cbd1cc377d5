"""Addresses on the site: its pages and downloads, and printed download URLs brought home to the configured site."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from civitai_kit.core.url_keys import without_keys

DOWNLOADS = "/api/download/"
# This host leaves `/api` out of its download URLs (site.md 1.1).
_API_HOST = "api.civitai.com"


def model_page_url(site: str, model_id: int, version_id: int | None = None) -> str:
    """The page of a model, opened at one version where given."""
    version = "" if version_id is None else f"?modelVersionId={version_id}"
    return absolute_url(site, f"/models/{model_id}{version}")


def version_page_url(site: str, version_id: int) -> str:
    """The page of a version whose model is not known; the site leads on to the model's."""
    return absolute_url(site, f"/model-versions/{version_id}")


def image_page_url(site: str, image_id: int) -> str:
    """The page of an image."""
    return absolute_url(site, f"/images/{image_id}")


def post_page_url(site: str, post_id: int) -> str:
    """The page of a post."""
    return absolute_url(site, f"/posts/{post_id}")


def user_page_url(site: str, username: str) -> str:
    """The page of a user."""
    return absolute_url(site, f"/user/{quote(username, safe='')}")


def tag_page_url(site: str, tag: str) -> str:
    """The page of a tag."""
    return absolute_url(site, f"/tag/{quote(tag, safe='')}")


def download_url(site: str, version_id: int, file_id: int | None = None) -> str:
    """Where a version's file comes from; without `file_id` the site chooses (site.md 7.3)."""
    file = "" if file_id is None else f"?fileId={file_id}"
    return absolute_url(site, f"{DOWNLOADS}models/{version_id}{file}")


def absolute_url(site: str, path: str) -> str:
    """A path (and query) of the site as a whole URL."""
    return f"{site.rstrip('/')}{path}"


def path_and_query(url: str) -> str | None:
    """A printed download URL as path and query, without a key that it may carry; None when it is no download URL.

    The host does not matter: the site prints several (site.md 1.1), the configured one is asked.
    """
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        return None
    path = f"/api{parts.path}" if host == _API_HOST and parts.path.startswith("/download/") else parts.path
    if parts.scheme not in ("", "http", "https") or not path.startswith(DOWNLOADS) or not url.isprintable():
        return None
    if any(part in (".", "..") for part in unquote_plus(path).replace("\\", "/").split("/")):
        return None
    query = "&".join(pair for pair in parts.query.split("&") if pair)
    found = without_keys(f"{path}?{quote(query, safe='%&=+')}" if query else path)
    return found if is_download_path(found) else None


def is_download_path(text: str) -> bool:
    """Whether a text is path and query of a download URL, and nothing that a request could be bent with."""
    return re.fullmatch(r"/api/download/models/[0-9]{1,10}(\?[A-Za-z0-9%&=_.+~\-]*)?", text) is not None


ORIGINAL = "original=true"
# `original=true` alone sometimes yields a still picture of a video; a quality beside it yields the video.
ORIGINAL_VIDEO = "original=true,quality=100"


def media_url(url: str, media_type: str | None) -> str:
    """The URL of the stored original of what `url` shows; video URLs ask in the way that gives the video."""
    return with_transform(url, ORIGINAL_VIDEO if media_type == "video" else ORIGINAL)


def with_transform(url: str, transform: str) -> str:
    """`url` with its transform segment (`width=450`, `original=true` …) replaced; other URLs come back as they are."""
    parts = urlsplit(url)
    segments = parts.path.split("/")
    # /<account>/<uuid>/<transforms>/<name>
    if len(segments) != 5 or "=" not in segments[3]:
        return url
    segments[3] = transform
    return urlunsplit(parts._replace(path="/".join(segments)))


# One of the widths that the site keeps (site.md 8.4), wide enough for a screen.
RESIZED_WIDTH = 1200


def picture_urls(url: str, media_type: str | None, *, resized: bool) -> tuple[str, ...]:
    """The URLs of a picture or clip, best first: the site's resized variant, or the original.

    Of a clip a second one follows, for where the first gives only a still picture of it.
    """
    if media_type != "video":
        return (with_transform(url, f"width={RESIZED_WIDTH}" if resized else ORIGINAL),)
    small = f"transcode=true,width={RESIZED_WIDTH}"
    wanted = (small, ORIGINAL_VIDEO) if resized else (ORIGINAL_VIDEO, small)
    return tuple(dict.fromkeys(with_transform(url, transform) for transform in wanted))
