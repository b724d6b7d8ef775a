"""EventColumns: events of a published file, collected one by one in little memory."""
# SPDX-License-Identifier: BSD-3-Clause

from array import array
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import IdArray
from skace._validation import check_ids
from skace.datasets.reading._fields import WHOLE
from skace.datasets.reading._lines import MISREAD, LineReader
from skace.datasets.reading._selection import Selection

__all__ = ["EventColumns", "Events"]

Codes = npt.NDArray[np.int32]

_SECONDS = (-62_135_596_800, 253_402_300_799)  # of the years 1 to 9999
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000}


@dataclass(slots=True)
class Events:
    """Events as numbers; each id stands there once."""

    user_ids: IdArray  # (n_users,) ascending
    users: Codes  # (n_events,) rows of user_ids
    item_ids: IdArray  # (n_items,) ascending
    items: Codes  # (n_events,) rows of item_ids
    times: npt.NDArray[np.datetime64] | None  # (n_events,)
    ratings: npt.NDArray[np.float32]  # (n_events,)
    parts: npt.NDArray[np.int16] | None  # (n_events,) number of the file; None if it is one


class EventColumns:
    """Users, items, times and ratings of events, 20 bytes an event; an id is stored once.

    Parameters
    ----------
    time_unit : {"s", "ms", "us"} or None, default="s"
        Unit of the whole numbers that are given as times. "us": what they need of it, for numbers
        that may have a fraction. None: events have no times.
    reads_numbers : bool, default=False
        Whether ids that are all whole numbers become integers, where a file does not tell what ids
        are.
    """

    def __init__(self, time_unit: str | None = "s", *, reads_numbers: bool = False) -> None:
        self._unit = time_unit
        self._reads_numbers = reads_numbers
        self._limits = [bound * _PER_SECOND[time_unit or "s"] for bound in _SECONDS]
        self._user_codes: dict[Hashable, int] = {}
        self._item_codes: dict[Hashable, int] = {}
        self._users = array("i")
        self._items = array("i")
        self._times = array("q")
        self._ratings = array("f")
        self.n_read = 0
        self._ends: list[int] = []  # of each file

    def add(self, user: Hashable, item: Hashable, time: int = 0, rating: float = np.nan) -> None:
        """Take in one event."""
        if not self._limits[0] <= time <= self._limits[1]:
            raise ValueError(
                f"the time {str(time)[:20]}, in units of {self._unit} since 1970, is beyond the "
                "years 1 to 9999"
            )
        self._times.append(time)
        self._ratings.append(rating)
        self._users.append(self._user_codes.setdefault(user, len(self._user_codes)))
        self._items.append(self._item_codes.setdefault(item, len(self._item_codes)))
        self.n_read += 1

    def read(
        self, lines: LineReader, rows: Iterable[Any], parse: Callable[[Any], tuple[Any, ...]]
    ) -> None:
        """Add ``parse(row)`` for each row that was made of the lines; name the bad line."""
        n_before = self.n_read
        for row in rows:
            try:
                self.add(*parse(row))
            except MISREAD as error:
                raise lines.misread("an event", error, row) from error
        if self.n_read == n_before:
            raise ValueError(f"{lines.name} holds no events.")
        self._ends.append(self.n_read)

    def take(self, selection: Selection) -> Events:
        """Hand out the events that are kept, in file order, and forget all.

        Raises
        ------
        ValueError
            If none is kept.
        """
        ratings = np.frombuffer(self._ratings, dtype=np.float32)
        times = self._moments()
        is_kept = selection.keeps(times, ratings)
        if not is_kept.any():
            raise ValueError(f"none of the {self.n_read} events is kept by {selection}.")
        keep: Any = slice(None) if is_kept.all() else is_kept
        users = self._coded(self._user_codes, self._users, keep)
        self._users = array("i")
        items = self._coded(self._item_codes, self._items, keep)
        self._items, self._times, self._ratings = array("i"), array("q"), array("f")
        moments = None if times is None else times[keep]
        return Events(*users, *items, moments, ratings[keep], self._parts(keep))

    def _parts(self, keep: Any) -> npt.NDArray[np.int16] | None:
        """Number of the file of each event that is kept."""
        if len(self._ends) < 2:
            return None
        return np.repeat(
            np.arange(len(self._ends), dtype=np.int16), np.diff(self._ends, prepend=0)
        )[keep]

    def _moments(self) -> npt.NDArray[np.datetime64] | None:
        """Times in the coarsest unit that loses nothing, if "us" is a guess, else in the unit."""
        if self._unit is None:
            return None
        numbers, unit = np.frombuffer(self._times, dtype=np.int64), self._unit
        if unit == "us":
            unit = next(
                u for u in ("s", "ms", "us") if not (numbers % (10**6 // _PER_SECOND[u])).any()
            )
            numbers = numbers // (10**6 // _PER_SECOND[unit])
        return numbers.view(f"M8[{unit}]")

    def _coded(
        self, vocabulary: dict[Hashable, int], codes: "array[int]", keep: Any
    ) -> tuple[IdArray, Codes]:
        """Ids with an event that is kept, in ascending order, and their codes by event."""
        kept = np.frombuffer(codes, dtype=np.int32)[keep]
        ids = self._typed(list(vocabulary))
        vocabulary.clear()
        order = np.argsort(ids, kind="stable")
        is_used = np.zeros(ids.size, dtype=bool)
        is_used[kept] = True
        order = order[is_used[order]]
        ranks = np.zeros(ids.size, dtype=np.int32)
        ranks[order] = np.arange(order.size, dtype=np.int32)
        return ids[order], ranks[kept]

    def _typed(self, ids: list[Any]) -> IdArray:
        """Array of distinct ids."""
        if self._reads_numbers and all(WHOLE.fullmatch(name) for name in ids):
            return np.array([int(name) for name in ids], dtype=np.int64)
        # As objects: what makes one array of texts makes another one to look at them.
        return check_ids(np.array(ids, dtype=object), "ids")
