"""EventSpill: events on disk, those of neighbouring users together, to be sorted part by part."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import Float64Array, IdArray, IntArray
from skace.data._changed_files import files_changed
from skace.data._log import EventLog, sort_codes
from skace.data._times import Times

__all__ = ["EventSpill", "users_of_parts"]

EVENTS_OF_PART = 2**21  # a user with more is a part alone


def users_of_parts(offsets: IntArray) -> IntArray:
    """First user of each part of at most `EVENTS_OF_PART` events, and the number of users.

    Parameters
    ----------
    offsets : ndarray of shape (n_users + 1,)
        Events before each user.
    """
    bounds, n_users = [0], offsets.size - 1
    while bounds[-1] < n_users:
        limit = offsets[bounds[-1]] + EVENTS_OF_PART
        bounds.append(max(int(np.searchsorted(offsets, limit, side="right")) - 1, bounds[-1] + 1))
    return np.array(bounds)


class EventSpill:
    """Events that come in any order and leave sorted, without being in memory together.

    How many events each user has is known, so every part has its place in one file from the
    beginning, and is filled in the order of the input.

    Parameters
    ----------
    path : Path
        File to write.

    user_ids : ndarray of shape (n_users,)
        Ids, ascending.

    counts : ndarray of shape (n_users,)
        Events of each user.

    fields : dict of dtypes
        Of ``times`` and ``weights``, where there are any.
    """

    def __init__(
        self, path: Path, user_ids: IdArray, counts: IntArray, fields: dict[str, np.dtype[Any]]
    ) -> None:
        self._user_ids = user_ids
        offsets = np.concatenate([[0], np.cumsum(counts)])
        self._users = users_of_parts(offsets)
        self._bounds = offsets[self._users]  # events before each part
        self._filled = self._bounds[:-1].copy()
        kinds = {"users": np.dtype(np.int64), "items": np.dtype(np.int64)} | fields
        kinds["source"] = np.dtype(np.int64)
        dtype = np.dtype(list(kinds.items()))
        _reserve(path, int(offsets[-1]) * dtype.itemsize)
        self._events = np.memmap(path, dtype=dtype, mode="r+", shape=(int(offsets[-1]),))

    def add(
        self,
        users: IntArray,
        items: IntArray,
        times: npt.NDArray[Any] | None,
        weights: Float64Array | None,
        begin: int,
    ) -> None:
        """Take in the next events of the input; users by number, items as catalog rows.

        Raises
        ------
        RuntimeError
            If a part has more events than were counted.
        """
        events = np.empty(users.size, dtype=self._events.dtype)
        events["users"], events["items"] = users, items
        events["source"] = np.arange(begin, begin + users.size)
        for name, values in (("times", times), ("weights", weights)):
            if values is not None:
                events[name] = values
        parts = np.searchsorted(self._users, users, side="right") - 1
        events = events[np.argsort(parts, kind="stable")]
        counts = np.bincount(parts, minlength=self._filled.size)
        if (self._filled + counts > self._bounds[1:]).any():
            raise files_changed()
        ends = np.cumsum(counts)
        for part in np.flatnonzero(counts):
            at, n = self._filled[part], counts[part]
            self._events[at : at + n] = events[ends[part] - n : ends[part]]
        self._filled += counts

    def times(self) -> list[npt.NDArray[Any]]:
        """Times of all events, in pieces that are read as they are looked at."""
        pieces = range(0, self._events.size, EVENTS_OF_PART)
        return [self._events["times"][begin : begin + EVENTS_OF_PART] for begin in pieces]

    def parts(self, zone: datetime.tzinfo | None) -> Iterator[EventLog]:
        """Yield the log of some users after that of those before, sorted by user and time."""
        names = self._events.dtype.names or ()
        for part, (first, last) in enumerate(zip(self._users[:-1], self._users[1:], strict=True)):
            events = np.array(self._events[self._bounds[part] : self._bounds[part + 1]])
            log = sort_codes(
                self._user_ids[first:last],
                events["users"] - first,
                events["items"],
                Times(events["times"], zone) if "times" in names else None,
                events["weights"] if "weights" in names else None,
            )
            yield replace(log, source=events["source"][log.source])


def _reserve(path: Path, n_bytes: int) -> None:
    """Make a file of this size, of zeros.

    Where the system can, room for all of it is taken now: on a disk that fills up later, writing
    into a mapped file would end the process instead of raising an error.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        else:
            file.truncate(n_bytes)
