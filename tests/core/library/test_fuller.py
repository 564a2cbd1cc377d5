"""An answer that says less never takes away what a fuller one said."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.library.fuller import fuller

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "meta"]), inner),
    max_leaves=8,
)
ANSWERS = st.dictionaries(st.sampled_from(["id", "images", "files", "name", "air"]), JSON)


def test_what_only_the_kept_answer_says_stays_and_what_both_say_is_the_fresh_ones() -> None:
    kept = {"id": 1, "air": "urn", "name": "old", "images": [{"url": "a", "meta": {"prompt": "p"}, "width": 1}]}
    fresh = {"id": 1, "name": "new", "images": [{"url": "b"}, {"url": "a", "meta": None, "width": 2}]}
    images = [{"url": "b"}, {"url": "a", "meta": {"prompt": "p"}, "width": 2}]
    assert fuller(kept, fresh) == {"id": 1, "air": "urn", "name": "new", "images": images}


def test_answers_about_two_versions_are_never_mixed() -> None:
    assert fuller({"id": 1, "air": "urn"}, {"id": 2}) == {"id": 2}


@given(ANSWERS, ANSWERS)
def test_any_two_answers_give_one_that_stays_the_same_when_the_fresh_one_comes_again(
    kept: dict[str, Any], fresh: dict[str, Any]
) -> None:
    once = fuller(kept, fresh)
    assert fresh.keys() <= once.keys()
    assert fuller(once, fresh) == once
