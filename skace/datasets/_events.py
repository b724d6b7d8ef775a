"""EventColumns: events of a published file, collected line by line in little memory."""
# SPDX-License-Identifier: BSD-3-Clause

from array import array
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import IdArray
from skace._validation import check_ids
from skace.datasets._lines import LineReader

__all__ = ["EventColumns", "Selection", "text_id"]


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


class EventColumns:
    """Users, items, times and ratings of events; an id is stored once.

    Parameters
    ----------
    time_unit : {"s", "ms"}
        Unit of the whole numbers that are given as times.
    """

    def __init__(self, time_unit: str = "s") -> None:
        self._unit = time_unit
        self._user_codes: dict[Hashable, int] = {}
        self._item_codes: dict[Hashable, int] = {}
        self._users = array("q")
        self._items = array("q")
        self._times = array("q")
        self._ratings = array("f")

    def __len__(self) -> int:
        return len(self._times)

    def add(self, user: Hashable, item: Hashable, time: int, rating: float = np.nan) -> None:
        """Take in one event."""
        self._times.append(time)
        self._ratings.append(rating)
        self._users.append(self._user_codes.setdefault(user, len(self._user_codes)))
        self._items.append(self._item_codes.setdefault(item, len(self._item_codes)))

    def read(self, lines: LineReader, rows: Any, parse: Callable[[Any], tuple[Any, ...]]) -> None:
        """Add ``parse(row)`` for each row that was made of the lines; name the bad line."""
        for row in rows:
            try:
                self.add(*parse(row))
            except KeyError as error:
                raise lines.fault(f"no field {error.args[0]!r}.") from error
            except (IndexError, OverflowError, TypeError, ValueError) as error:
                raise lines.fault(f"not an event: {error}.") from error
        if not len(self):
            raise ValueError(f"{lines.name} holds no events.")

    def select(
        self, selection: Selection
    ) -> tuple[IdArray, IdArray, npt.NDArray[np.datetime64], npt.NDArray[np.float32]]:
        """Users, items, times and ratings of the events that are kept, in file order.

        Raises
        ------
        ValueError
            If none is kept.
        """
        times = np.frombuffer(self._times, dtype=np.int64).view(f"M8[{self._unit}]")
        ratings = np.frombuffer(self._ratings, dtype=np.float32)
        keep = np.ones(len(self), dtype=bool)
        if selection.min_rating is not None:
            keep &= ratings >= selection.min_rating
        if selection.start is not None:
            keep &= times >= _moment(selection.start, "start")
        if selection.end is not None:
            keep &= times < _moment(selection.end, "end")
        if not keep.any():
            raise ValueError(
                f"none of the {len(self)} events is kept by min_rating={selection.min_rating}, "
                f"start={selection.start!r} and end={selection.end!r}."
            )
        users = _ids(self._user_codes, self._users, keep)
        items = _ids(self._item_codes, self._items, keep)
        return users, items, times[keep], ratings[keep]


def _ids(vocabulary: dict[Hashable, int], codes: "array[int]", keep: Any) -> IdArray:
    """Id of each event that is kept."""
    ids = check_ids(list(vocabulary), "ids")
    kept: IdArray = ids[np.frombuffer(codes, dtype=np.int64)[keep]]
    return kept


def _moment(value: Any, name: str) -> np.datetime64:
    """Point in time from a date, a datetime64 or an ISO string."""
    text = f"{name}={value!r} is no date; pass an ISO string such as '2019-01-01'."
    try:
        moment = np.datetime64(value)
    except ValueError as error:
        raise ValueError(text) from error
    if np.isnat(moment):
        raise ValueError(text)
    return moment


def text_id(value: Any) -> str:
    """Return an id that is a text, as it stands in the file."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no id")
    return value
