"""Cuts keys, tokens, passwords and signatures out of URLs, wherever in a text these stand."""

from __future__ import annotations

import re
from functools import lru_cache

# Names of parameters that hold a secret: in lower case, letters and digits alone. The last line is the storage's
# signed links (site.md 7.4).
_SECRET = (
    r".*(?:token|apikey|secret|password|passkey|signature)"
    r"|key|auth|authkey|authorization|accesskey|bearer|credentials?|jwt|pass|passwd|pwd|torrentpass"
    r"|sig|policy|keypairid|xamz.*|xgoog.*"
)
# `%26` stands for `&` within a URL that is a parameter itself, `%2526` one level further down; `\u0026` in JSON.
_ENCODED = r"%(?:25)*"
_BEGIN = rf"&(?:amp;|#0*38;|#x0*26;)*|[?;#]|{_ENCODED}(?:3f|26|3b|23)|\\u00(?:3f|26|3b|23)"
_EQUALS = rf"=|{_ENCODED}3d|\\u003d"
_NAME = rf"(?:(?!{_ENCODED}(?:3f|26|3b|23|3d|2f|40))[\w.+%$~*!()\[\]-])*"
_PARAMETER = rf"(?i)({_BEGIN})({_NAME})({_EQUALS})?"
# A quote ends a value, unless it stands within a word.
_VALUE = r"(?:[^\s&;#<>\"'\\]++|[\"'\\](?=\w))*+"

# `user:password@`, up to the last `@` before path and query; with no host behind it, what follows moves up. The words
# of our own hint about proxies are nobody's.
_LOGIN = r'(?<=//)(?!NAME:PASSWORD@)(?:[^/?#\s"<>]*@/*)+'
_ENCODED_LOGIN = (
    rf"(?i)({_ENCODED}2f{_ENCODED}2f)"
    rf'(?:(?:(?!{_ENCODED}(?:2f|3f|23))[^/?#\s"<>])*(?:@|{_ENCODED}40)(?:{_ENCODED}2f)*)+'
)
# Without a scheme it is known by the host and what follows it: an AIR (`civitai:12@34`) is no login.
_BARE_LOGIN = (
    r"(?i)(?<![^\s\"'<>])[^\s/?#@:\"'<>]+:[^\s/?#\"'<>]*@"
    r"(?=(?:[a-z][\w.-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]+\])(?::[0-9]|[/?#]))"
)


# The site's few names come again and again, in an import of a collection a hundred thousand times.
@lru_cache(maxsize=256)
def holds_key(name: str) -> bool:
    """Whether a parameter of this name holds a key, token, password or signature; any case, percent-encoded or not."""
    plain = re.sub(rf"(?i){_ENCODED}([0-9a-f]{{2}})", lambda found: chr(int(found[1], 16)), name)
    return re.fullmatch(_SECRET, re.sub(r"[^a-z0-9]", "", plain.lower())) is not None


def without_keys(text: str) -> str:
    """The text, out of whose URLs the parameters that hold a key are cut, and user names with their passwords.

    Rather more is cut than too little; a text that holds no such thing comes back as it is.
    """
    # Most texts are neither looked at closely nor copied.
    if any(sign in text for sign in "?&;#%\\"):
        text = _without_parameters(text)
    if "@" in text:
        text = re.sub(_LOGIN, "", text)
    if "%" in text:
        text = re.sub(_ENCODED_LOGIN, r"\1", text)
    return re.sub(_BARE_LOGIN, "", text) if "@" in text else text


def _without_parameters(text: str) -> str:
    parameter, value = re.compile(_PARAMETER), re.compile(_VALUE)
    kept: list[str] = []
    # `owed` is the `?` of a first parameter that was cut; the next one takes it over.
    at, owed = 0, ""
    while found := parameter.search(text, at):
        begins, name, equals = found.groups()
        kept.append(text[at : found.start()])
        if owed and found.start() == at and begins[0] in "&;":
            begins = owed
        at, owed = found.end(), ""
        if equals is None or not holds_key(name):
            kept.append(begins + text[found.end(1) : at])
            continue
        if cut := value.match(text, at):
            at = cut.end()
        owed = begins if begins in ("?", "#") else ""
    return "".join([*kept, text[at:]])
