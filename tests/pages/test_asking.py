"""A server of ours asked from pages in a real browser: one of an allowed origin, and one of another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.browser import Tab
from tests.web.conftest import TOKEN, served

_ASK = """fetch(%r, {method: %r, headers: {Authorization: 'Bearer ' + %r}}).then(
  (answer) => answer.json().then((said) => [answer.status, said.detail || Object.keys(said).join()]),
  (error) => [0, error.name])"""


@contextmanager
def a_page() -> Iterator[str]:
    """An origin with an empty page."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_of_an_allowed_origin_reads_answers_and_refusals_and_another_nothing(tab: Tab, tmp_path: Path) -> None:
    with a_page() as mine, a_page() as evil, served(tmp_path, origins=(mine,)) as server:
        map_ = f"{server.url}/api/admin/models/civitai-map"
        tab.open(f"{mine}/")
        assert tab.run(_ASK % (map_, "GET", TOKEN)) == [200, "by_version,by_model"]
        assert tab.run(_ASK % (map_, "GET", "wrong")) == [401, "Not authenticated"]
        assert tab.run(_ASK % (f"{server.url}/api/admin/models/x/catalog", "DELETE", TOKEN))[0] == 404
        tab.open(f"{evil}/")
        assert tab.run(_ASK % (map_, "GET", TOKEN)) == [0, "TypeError"]
        assert tab.run(_ASK % (f"{server.url}/api/admin/models/x/catalog", "DELETE", TOKEN)) == [0, "TypeError"]
