"""Words of the site: corrected where the typing is off, hinted at where the word is, passed on where it is new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.site.base_models import ACTIVE_BASE_MODELS, ecosystem_of
from civitai_kit.core.site.vocabulary import (
    BASE_MODELS,
    FILE_FORMATS,
    FILE_TYPES,
    MODEL_TYPES,
    PERIODS,
    PRIMARY_FILE_TYPES,
    corrected,
    is_known,
    near,
)


@pytest.mark.parametrize(
    ("typed", "known", "expected"),
    [
        ("LORA", MODEL_TYPES, "LORA"),
        ("lora", MODEL_TYPES, "LORA"),
        (" Lora ", MODEL_TYPES, "LORA"),
        ("textualinversion", MODEL_TYPES, "TextualInversion"),
        ("textual inversion", MODEL_TYPES, "TextualInversion"),
        ("sdxl 1.0", BASE_MODELS, "SDXL 1.0"),
        ("sdxl_1.0", BASE_MODELS, "SDXL 1.0"),
        ("SDXL1.0", BASE_MODELS, "SDXL 1.0"),
        ("pony", BASE_MODELS, "Pony"),
        ("z-image-turbo", BASE_MODELS, "ZImageTurbo"),
        ("alltime", PERIODS, "AllTime"),
        ("safetensor", FILE_FORMATS, "SafeTensor"),
        ("training data", FILE_TYPES, "Training Data"),
        ("Brand New 9", BASE_MODELS, "Brand New 9"),
        ("", MODEL_TYPES, ""),
    ],
)
def test_known_words_are_corrected_and_unknown_ones_passed_on(
    typed: str, known: tuple[str, ...], expected: str
) -> None:
    assert corrected(typed, known) == expected


@pytest.mark.parametrize(
    ("typed", "known", "expected"),
    [
        ("Lroa", MODEL_TYPES, "LORA"),
        ("checkpiont", MODEL_TYPES, "Checkpoint"),
        ("SDXL 1", BASE_MODELS, "SDXL 1.0"),
        ("Illustrius", BASE_MODELS, "Illustrious"),
        ("SafeTensors", FILE_FORMATS, "SafeTensor"),
        ("lora", MODEL_TYPES, None),
        ("zzzzzzzz", MODEL_TYPES, None),
        ("", MODEL_TYPES, None),
    ],
)
def test_a_near_miss_has_a_hint(typed: str, known: tuple[str, ...], expected: str | None) -> None:
    assert near(typed, known) == expected


@pytest.mark.parametrize("known", [MODEL_TYPES, BASE_MODELS, FILE_TYPES, FILE_FORMATS, PERIODS])
def test_every_known_word_stays_itself_in_any_case(known: tuple[str, ...]) -> None:
    for word in known:
        assert corrected(word, known) == word
        assert corrected(word.upper(), known) == word
        assert corrected(word.lower(), known) == word
        assert near(word, known) is None


@given(st.text())
def test_correcting_twice_is_correcting_once(typed: str) -> None:
    once = corrected(typed, BASE_MODELS)
    assert corrected(once, BASE_MODELS) == once
    assert is_known(typed, BASE_MODELS) == (once in BASE_MODELS)


def test_the_site_knows_107_base_models_and_offers_74() -> None:
    assert len(BASE_MODELS) == 107
    assert len(ACTIVE_BASE_MODELS) == 74
    assert set(PRIMARY_FILE_TYPES) <= set(FILE_TYPES)


@pytest.mark.parametrize(
    ("base_model", "expected"),
    [
        ("SD 1.5", "sd1"),
        ("Illustrious", "sdxl"),
        ("Flux.1 D", "flux1"),
        ("Pony V7", "auraflow"),
        ("Wan Video 2.2 I2V-A14B", "wanvideo-22-i2v-a14b"),
        ("Qwen 2.1", "qwen21"),
        ("Trellis.2", "trellis2"),
        ("Some Day 3", "some day 3"),
    ],
)
def test_a_base_model_has_an_ecosystem(base_model: str, expected: str) -> None:
    assert ecosystem_of(base_model) == expected
