"""The words the site is known to use: corrected in case, hinted at when near, passed on when unknown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from civitai_kit.core.site.base_models import BASE_MODELS
from civitai_kit.core.site.enums import ImageSort, ModelSort, ModelType, Period

__all__ = [
    "BASE_MODELS",
    "FILE_FORMATS",
    "FILE_PRECISIONS",
    "FILE_SIZES",
    "FILE_TYPES",
    "IMAGE_SORTS",
    "MODEL_SORTS",
    "MODEL_TYPES",
    "PERIODS",
    "PRIMARY_FILE_TYPES",
    "corrected",
    "is_known",
    "near",
]

MODEL_TYPES: tuple[str, ...] = tuple(word.value for word in ModelType)
MODEL_SORTS: tuple[str, ...] = tuple(word.value for word in ModelSort)
IMAGE_SORTS: tuple[str, ...] = tuple(word.value for word in ImageSort)
PERIODS: tuple[str, ...] = tuple(word.value for word in Period)

# site.md 10.1; the site's own column for file types is free text.
FILE_TYPES: tuple[str, ...] = (
    "Model",
    "Text Encoder",
    "Vision Encoder",
    "Pruned Model",
    "Negative",
    "Training Data",
    "VAE",
    "Config",
    "Archive",
    "UNet",
    "Diffusion Model",
    "CLIPVision",
    "ControlNet",
    "Workflow",
    "Upscaler",
    "Enhancement LoRA",
    "Other",
)
PRIMARY_FILE_TYPES: tuple[str, ...] = ("Model", "Pruned Model", "Diffusion Model", "UNet")
FILE_FORMATS: tuple[str, ...] = ("SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other")
FILE_SIZES: tuple[str, ...] = ("full", "pruned")
FILE_PRECISIONS: tuple[str, ...] = (
    "fp32",
    "fp16",
    "bf16",
    "mxfp8",
    "fp8_mixed",
    "fp8_scaled",
    "fp8",
    "int8",
    "nf4",
    "nvfp4",
    "int4",
)

# Letters that say what somebody began to type: `sdx` is one of SDXL's.
LEAST_BEGINNING = 3


def corrected(value: str, known: Iterable[str]) -> str:
    """The known word that `value` is but for case, blanks, `-` and `_` (`lora` → `LORA`, `sdxl_1.0` → `SDXL 1.0`).

    A word that is not known is passed on, trimmed.
    """
    typed = value.strip()
    words = tuple(known)
    if typed in words:
        return typed
    folded = typed.casefold()
    same_case = next((word for word in words if word.casefold() == folded), None)
    return same_case or next((word for word in words if _bare(word) == _bare(typed)), typed)


def is_known(value: str, known: Iterable[str]) -> bool:
    """Whether `value` is a known word, or one but for what `corrected` corrects."""
    words = tuple(known)
    return corrected(value, words) in words


def near(value: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None where none comes near, and for a word that is known."""
    words = tuple(known)
    if is_known(value, words):
        return None
    by_bare = {_bare(word): word for word in reversed(words)}
    typed = _bare(value)
    begun = next((word for word in words if _bare(word).startswith(typed)), None)
    if begun is not None and len(typed) >= LEAST_BEGINNING:
        return begun
    close = get_close_matches(typed, by_bare, n=1, cutoff=0.7)
    return by_bare[close[0]] if close else None


def _bare(word: str) -> str:
    return "".join(character for character in word.casefold() if character not in " -_")
