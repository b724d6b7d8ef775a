"""EventLog: the flat arrays behind every slice of an ``Interactions``."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import IdArray, IntArray
from skace._validation import first_few

__all__ = ["EventLog", "check_timestamps", "sort_events"]


@dataclass(frozen=True, slots=True, eq=False)
class EventLog:
    """All events, sorted by user, then time, then original order.

    ``items[offsets[u]:offsets[u + 1]]`` are the catalog rows of the items of user ``u``.
    """

    items: IntArray  # (n_events,) catalog rows
    offsets: IntArray  # (n_log_users + 1,)
    user_ids: IdArray  # (n_log_users,)
    timestamps: npt.NDArray[Any] | None  # (n_events,)
    source: IntArray  # (n_events,) place of each event in the caller's input

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.items.size)

    def users_at(self, positions: IntArray) -> IntArray:
        """User code of the event at each log position."""
        # side="right": users without events share their offset with the next user.
        return np.searchsorted(self.offsets, positions, side="right") - 1


def check_timestamps(values: Any, n_events: int) -> npt.NDArray[Any] | None:
    """One-dimensional integer, float or datetime64 array without missing values."""
    if values is None:
        return None
    times = np.asarray(values)
    if times.shape != (n_events,):
        raise ValueError(
            f"timestamps must have one value per event: expected shape ({n_events},), "
            f"got {times.shape}."
        )
    if times.dtype.kind not in "iufM" and times.size:
        raise ValueError(
            f"timestamps must be numbers or datetime64, got dtype {times.dtype} (first value "
            f"{first_few(times[:1])}); parse them first, for example with pandas.to_datetime."
        )
    is_missing = np.isnat(times) if times.dtype.kind == "M" else ~np.isfinite(times)
    if times.size and is_missing.any():
        raise ValueError(
            f"timestamps is missing for {int(is_missing.sum())} event(s), first at position "
            f"{int(np.argmax(is_missing))}; drop these events, or pass timestamps=None if the "
            "events are in time order."
        )
    return times


def sort_events(users: IdArray, items: IntArray, timestamps: npt.NDArray[Any] | None) -> EventLog:
    """Build the log; equal times of a user keep the order in which they came."""
    user_ids, codes = np.unique(users, return_inverse=True)
    keys = (codes,) if timestamps is None else (timestamps, codes)
    order = np.lexsort(keys)
    counts = np.bincount(codes, minlength=user_ids.size)
    return EventLog(
        items=items[order],
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        user_ids=user_ids,
        timestamps=None if timestamps is None else timestamps[order],
        source=order.astype(np.int64),
    )
