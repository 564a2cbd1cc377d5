"""What licence flags say against passing a model on."""

from __future__ import annotations

from typing import Any

import pytest

from civitai_kit.core.site.licence import restrictions


@pytest.mark.parametrize("uses", ["None", "{None}", [], ["None"], "{}"])
def test_all_forms_of_no_commercial_use_are_one(uses: Any) -> None:
    assert restrictions({"allowCommercialUse": uses}) == ("no commercial use",)


@pytest.mark.parametrize("uses", ["Sell", "{Image,RentCivit}", ["Rent"], None])
def test_some_commercial_use_or_none_said_is_no_restriction(uses: Any) -> None:
    assert restrictions({"allowCommercialUse": uses}) == ()


def test_nothing_known_is_nothing_restricted() -> None:
    assert restrictions(None) == restrictions({}) == ()


def test_each_flag_that_says_no_is_told() -> None:
    flags = {"allowNoCredit": False, "allowDerivatives": False, "allowDifferentLicense": False}
    assert len(restrictions(flags)) == 3
    assert restrictions(dict.fromkeys(flags, True)) == ()


def test_a_version_that_is_not_public_is_told() -> None:
    assert "EarlyAccess" in restrictions({}, {"availability": "EarlyAccess"})[0]
    assert restrictions({}, {"availability": "Public"}) == ()
