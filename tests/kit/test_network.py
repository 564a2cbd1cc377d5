"""What asks the site, from settings: with the key or without."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from civitai_kit.core.events import Event, Warned
from civitai_kit.core.settings.layers import Layer, merge
from civitai_kit.kit.network import Network


@pytest.mark.parametrize(
    "url", ["http://that-box:8765", "http://192.0.2.7", "http://civitai.com", "http://localhost.evil.org"]
)
def test_a_key_is_not_sent_in_clear_to_another_machine_and_that_is_said_once(url: str, tmp_path: Path) -> None:
    heard: list[Event] = []
    settings = merge([Layer("flags", {"api_url": url, "api_key": "key-of-mine"})]).settings
    with ExitStack() as stack:
        network = Network(settings, tmp_path / "api.log", heard.append, threading.Event(), stack)
        # Nobody is asked for it: no such host would answer.
        assert network.site.key is None and not network.sends_key and network.fetcher
    (warned,) = heard
    assert isinstance(warned, Warned) and url in warned.message and "key-of-mine" not in warned.message
