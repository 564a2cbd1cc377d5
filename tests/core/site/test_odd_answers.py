"""Whatever stands in the fields of an answer, the value of it is made, and the answer is kept as it came."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit.core.site.file_answers import TensorMetadata, VersionBrief
from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.publications import Article, Collection
from civitai_kit.core.site.vault import Vault, VaultItem

KINDS: list[type[SiteValue]] = [Article, Collection, Vault, VaultItem, VersionBrief, TensorMetadata]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def aliases(kind: type[SiteValue]) -> list[str]:
    """The site's spellings of a value's fields."""
    return [field.alias or name for name, field in kind.model_fields.items() if name != "raw"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_json_in_any_field_is_read_or_left(kind: type[SiteValue], data: st.DataObject) -> None:
    answer: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(aliases(kind)), ODD))
    assert kind.model_validate(answer).raw is answer
