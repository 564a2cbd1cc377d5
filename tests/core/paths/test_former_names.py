"""The names of files before the site told those of one version apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.paths.former_names import former_name, former_version
from civitai_kit.core.site.models import ModelFile, ModelVersion


@pytest.mark.parametrize(
    ("name", "traits", "former"),
    [
        ("mix_v1_full_bf16.safetensors", {"size": "full", "fp": "bf16"}, "mix_v1.safetensors"),
        ("mix_v1_Q4_K_M.gguf", {"format": "GGUF", "quantType": "Q4_K_M"}, "mix_v1.gguf"),
        ("mix_v1_77.safetensors", {"size": "full", "fp": "bf16"}, "mix_v1.safetensors"),
        ("mix_v1_77.safetensors", {}, "mix_v1.safetensors"),
        ("mix_v1_full.safetensors", {"size": "full", "fp": "bf16"}, "mix_v1_full.safetensors"),
        ("mix_v1.safetensors", {"size": "full"}, "mix_v1.safetensors"),
        ("full.safetensors", {"size": "full"}, "full.safetensors"),
        (None, {"size": "full"}, None),
    ],
)
def test_what_tells_a_file_from_its_twins_was_not_in_its_name(
    name: str | None, traits: dict[str, Any], former: str | None
) -> None:
    assert former_name(ModelFile.model_validate({"id": 77, "name": name, "metadata": traits})) == former


def test_a_version_whose_files_kept_their_names_has_no_former_one() -> None:
    version = ModelVersion.model_validate({"files": [{"id": 1, "name": "a.safetensors"}]})
    assert former_version(version) is None


def test_a_former_version_differs_in_the_names_alone() -> None:
    version = ModelVersion.model_validate({"id": 3, "files": [{"id": 1, "name": "a_1.pt"}, {"id": 2, "name": "b.pt"}]})
    former = former_version(version)
    assert former is not None and former.id == 3
    assert [(file.id, file.name) for file in former.files] == [(1, "a.pt"), (2, "b.pt")]


@given(st.text(max_size=40), st.text(max_size=12), st.integers(1, 10**9))
def test_any_name_has_a_former_one_that_is_no_longer(name: str, fp: str, number: int) -> None:
    file = ModelFile.model_validate({"id": number, "name": name, "metadata": {"fp": fp}})
    former = former_name(file)
    assert former is not None and len(former) <= len(name)
