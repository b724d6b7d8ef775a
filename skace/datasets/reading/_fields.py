"""Fields of a record as what they have to be: ids, moments, stars."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["WHOLE", "in_ms", "stars", "text_id", "whole"]

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # a text that stands for one number, and no other does
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def text_id(value: Any) -> str:
    """Return an id that is a text, as it stands in the file."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no id")
    if not value.isprintable() and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise ValueError(f"{value!r} is no id: it holds a NUL character or half a character")
    return value


def whole(value: Any) -> int:
    """A whole number, also one that is written as 5.0 or 1e9."""
    try:
        number = int(value)
    except ValueError:
        value = float(value)
        number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{value!r} is no whole number")
    return number


def stars(value: Any) -> float:
    """A rating."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no rating")
    return number


def in_ms(moment: datetime) -> int:
    """Milliseconds since 1970; without a time zone the moment is taken as UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND
