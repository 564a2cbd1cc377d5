"""A word that is never shown: what is printed, logged or raised with it holds stars instead."""

from __future__ import annotations


class Secret:
    """A key or a token, empty for none; only `get_secret_value` gives the word itself."""

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def get_secret_value(self) -> str:
        """The word."""
        return self._word

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._word == self._word

    def __hash__(self) -> int:
        return hash(self._word)

    def __repr__(self) -> str:
        return f"Secret({'**********' if self._word else ''!r})"
