"""Selection: which events of a published log to keep."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import BoolArray

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events a loader keeps; None keeps all.

    Raises
    ------
    ValueError
        If a moment is none, or the first is not before the last.
    """

    min_rating: float | None = None
    start: Any = None
    end: Any = None

    def __post_init__(self) -> None:
        moments = [
            _moment(value, name)
            for name, value in (("start", self.start), ("end", self.end))
            if value is not None
        ]
        if len(moments) == 2 and not moments[0] < moments[1]:
            raise ValueError(
                f"start={self.start!r} is not before end={self.end!r}; no event would be kept."
            )

    def keeps(
        self, times: npt.NDArray[np.datetime64] | None, ratings: npt.NDArray[np.float32]
    ) -> BoolArray:
        """Mask of the events that are kept."""
        keep = np.ones(len(ratings), dtype=bool)
        if self.min_rating is not None:
            keep &= ratings >= self.min_rating
        if times is not None and self.start is not None:
            keep &= times >= _moment(self.start, "start")
        if times is not None and self.end is not None:
            keep &= times < _moment(self.end, "end")
        return keep

    def __str__(self) -> str:
        given = {"min_rating": self.min_rating, "start": self.start, "end": self.end}
        words = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return " and ".join(words)


def _moment(value: Any, name: str) -> np.datetime64:
    """Point in time from a date, a datetime64 or an ISO string."""
    text = f"{name}={value!r} is no date; pass an ISO string such as '2019-01-01'."
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    try:
        moment = np.datetime64(value)
    except ValueError as error:
        raise ValueError(text) from error
    if np.isnat(moment) or isinstance(value, (bytes, int)):
        raise ValueError(text)
    return moment


def _parsed(text: str) -> Any:
    """Datetime of an ISO string; any other text as it is."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text
