"""The key of a client, and whether its site is shown it: a civitai-kit that serves its files has no use for one."""

from __future__ import annotations

from collections.abc import MutableMapping

from civitai_kit.client.conversation import Request, Response
from civitai_kit.core.site.hosts import is_civitai
from civitai_kit.core.site.strict_json import NotJson, parse_json

SERVICE = "civitai-kit"
"""What a server of ours says that it is, at `/healthz`."""


class HeldKey:
    """A key, `given` to us or `carried` by the HTTP client, that is held back until the site is known.

    Civitai's own hosts are; another one is asked `question` once, without the key, and keeps being shown nothing where
    it says that it is a server of ours. One that says anything else is a site like Civitai.
    """

    def __init__(self, given: str | None, carried: str | None, site: str) -> None:
        self._given = given
        self._key = given or carried
        self.question = Request("GET", f"{site}/healthz")
        self._is_shown: bool | None = True if self._key is None or is_civitai(site) else None

    @property
    def is_settled(self) -> bool:
        """Whether the site is known."""
        return self._is_shown is not None

    def settle(self, answer: Response | None) -> None:
        """Take the answer to the question, None where none came."""
        self._is_shown = answer is None or not _is_ours(answer)

    @property
    def shown(self) -> str | None:
        """The key as the site is shown it."""
        return self._key if self._is_shown else None

    @property
    def header(self) -> str | None:
        """The key that is to be put into a request; the HTTP client puts in what it carries."""
        return self._given if self._is_shown else None

    def keep_from(self, headers: MutableMapping[str, str]) -> None:
        """Take out of a request what the HTTP client has put in, where the site is not to see it."""
        if self._key is not None and not self._is_shown:
            headers.pop("authorization", None)


def _is_ours(answer: Response) -> bool:
    if answer.status != 200:
        return False
    try:
        said = parse_json(answer.body)
    except NotJson:
        return False
    return isinstance(said, dict) and said.get("service") == SERVICE
