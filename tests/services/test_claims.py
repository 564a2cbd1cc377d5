"""The same thing wanted twice at once: one brings it, the other waits."""

from __future__ import annotations

import threading
from pathlib import Path

from civitai_kit.services.claims import Claims


def test_of_two_jobs_for_the_same_thing_the_second_waits_and_is_told_where_it_is(tmp_path: Path) -> None:
    claims: Claims[str, Path] = Claims(lambda: False)
    begun, order = threading.Event(), list[str]()

    def second() -> None:
        begun.set()
        with claims.claim("one") as lately:
            order.append(f"second {lately}")

    with claims.claim("one") as lately:
        assert lately is None
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait()
        with claims.claim("other") as other:
            assert other is None
        order.append("first")
        claims.bring("one", tmp_path)
    thread.join()
    assert order == ["first", f"second {tmp_path}"]
