"""The HTML that comes where JSON or bytes were wanted."""

LOGIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>Sign in | Civitai</title></head>
<body><div id="__next"><h1>Sign in to Civitai</h1><p>Sign in with any of these services</p></div></body></html>"""

NOT_FOUND = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>404: This page could not be found</title>
</head><body><div id="__next"><h1>404</h1><p>The page you are looking for doesn't exist</p></div></body></html>"""

VERSION = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>Civitai</title></head>
<body><div id="__next"><h1>A page for people</h1></div></body></html>"""

CHALLENGE = """<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head>
<body><h1>Checking if the site connection is secure</h1><p>Enable JavaScript and cookies to continue</p></body></html>"""


def edge(status: int, words: str) -> str:
    """A page of the network edge for an error status."""
    return (
        f"<!DOCTYPE html><html lang='en-US'><head><title>civitai.com | {status}: {words}</title></head>"
        f"<body><h1>Error {status}</h1><p>{words}</p><p>Cloudflare Ray ID: 0123456789abcdef</p></body></html>"
    )
