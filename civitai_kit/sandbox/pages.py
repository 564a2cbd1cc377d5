"""The HTML that comes where JSON or bytes were wanted."""


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8"/><title>{title}</title>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>'


LOGIN = _page("Sign in | Civitai", '<div id="__next"><h1>Sign in to Civitai</h1></div>')
NOT_FOUND = _page("404: This page could not be found", '<div id="__next"><h1>404</h1></div>')
VERSION = _page("Civitai", '<div id="__next"><h1>A page for people</h1></div>')
CHALLENGE = _page("Just a moment...", "<h1>Checking if the site connection is secure</h1><p>Enable JavaScript</p>")


def edge(status: int, words: str) -> str:
    """A page of the network edge for an error status."""
    return _page(
        f"civitai.com | {status}: {words}", f"<h1>Error {status}</h1><p>{words}</p><p>Ray ID: 0123456789ab</p>"
    )
