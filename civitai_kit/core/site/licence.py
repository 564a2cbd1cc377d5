"""What a model's licence flags ask of whoever passes it on, in a few words each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from civitai_kit.core.site.models import Model

# Availability of what everybody may have; anything else was meant for some (site.md 2.2).
_PUBLIC = ("Public", None)


def restrictions(model: Mapping[str, Any] | None, version: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """What the site's answers say against passing a model on freely; empty where nothing does or nothing is known.

    The flags are `allowNoCredit`, `allowCommercialUse` (three forms, site.md 12.2), `allowDerivatives`,
    `allowDifferentLicense`, and that a version or model is not public.
    """
    said = Model.model_validate(dict(model or {}))
    # An empty list means none is allowed; a missing field means nobody said.
    asked = "allowCommercialUse" in said.raw and said.raw["allowCommercialUse"] is not None
    uses = {use.casefold() for use in said.allow_commercial_use} - {"none"}
    availability = (version or {}).get("availability")
    found = {
        "the creator must be credited": said.allow_no_credit is False,
        "no commercial use": asked and not uses,
        "no derivatives may be shared": said.allow_derivatives is False,
        "it may be passed on under the same permissions only": said.allow_different_license is False,
        f"the site does not offer it to everybody ({availability})": isinstance(availability, str)
        and availability not in _PUBLIC,
    }
    return tuple(words for words, holds in found.items() if holds)
