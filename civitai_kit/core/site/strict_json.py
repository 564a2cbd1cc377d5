"""Reads JSON from a stranger: what could not be written back as JSON is refused."""

from __future__ import annotations

import json
from math import isinf
from typing import Any, NoReturn


class NotJson(ValueError):
    """A body that is not JSON as the standard has it."""


def parse_json(body: bytes) -> Any:
    """Read JSON from a stranger; raises NotJson for anything that could not be written back as JSON."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise NotJson("nested too deep") from None
    except ValueError as error:  # broken JSON, wrong UTF-8, integers of thousands of digits
        raise NotJson(str(error)) from None


def _refuse(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise NotJson(f"{text[:40]} is too big for a number")
    return value
