"""Image delivery URLs: which variant of a picture or clip a URL asks for (API facts 8b)."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

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


# One of the widths that the site keeps (API facts 8b), wide enough for a screen.
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
