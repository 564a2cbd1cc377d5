"""Descriptions that strangers wrote in HTML, made harmless: nothing in them runs, loads or looks like our page."""

from __future__ import annotations

import nh3

from civitai_kit.core.site.urls import absolute_url

# What a browser takes long to lay out; the longest real ones have some ten thousand.
_LONGEST = 200_000
_TAGS = {
    *("a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li"),
    *("ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}


def clean_html(html: str | None, site: str) -> str:
    """Foreign HTML with the tags of plain text left; links that name no host lead to `site`.

    Pictures and frames are left out: to show them, the page would have to ask a stranger's server.
    """
    if not html:
        return ""

    def attribute(tag: str, name: str, value: str) -> str | None:
        return _link(value.strip(), site)

    return nh3.clean(
        html[:_LONGEST],
        tags=_TAGS,
        attributes={"a": {"href"}},
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    ).strip()


def _link(href: str, site: str) -> str | None:
    """A link as it works from a file: one without a scheme would lead into the reader's own folders."""
    if href.startswith("//"):
        return f"https:{href}"
    if href.startswith("/"):
        return absolute_url(site, href)
    return href if href.lower().startswith(("http://", "https://", "mailto:")) else None
