"""EventLog: the flat arrays behind every slice of an ``Interactions``."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
import warnings
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._callers import caller_level
from skace._typing import BoolArray, Float64Array, IdArray, IntArray
from skace.data._log_files import LogFiles
from skace.data._tie_key import TieKey
from skace.data._times import Times
from skace.exceptions import RepeatedEventsWarning

__all__ = [
    "EventLog",
    "first_of_each",
    "places_of_repeats",
    "sort_codes",
    "sort_events",
    "take_events",
    "tied_events",
    "warn_of_repeats",
    "without_repeats",
]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class EventLog:
    """All events, sorted by user, then time, then original order (or as ``ties`` says).

    ``items[offsets[u]:offsets[u + 1]]`` are the catalog rows of the items of user ``u``.
    """

    items: IntArray  # (n_events,) catalog rows
    offsets: IntArray  # (n_log_users + 1,)
    user_ids: IdArray  # (n_log_users,)
    timestamps: npt.NDArray[Any] | None  # (n_events,); in UTC if there is a zone
    source: IntArray  # (n_events,) place of each event in the caller's input
    zone: datetime.tzinfo | None = None  # in which the caller told the times
    weights: Float64Array | None = None  # (n_events,)
    n_inputs: int = 0  # events of the input, of which some may have been left out
    ties: str = "keep"  # how tied events stand: "keep" is the input's order, "shuffle", "key"
    tie_key: TieKey | None = None  # by which the order of ties is looked at, besides the item ids
    facts: dict[str, Any] = field(default_factory=dict)  # counts, once they were asked for
    files: LogFiles | None = None  # from which arrays are mapped, if any is

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrays that are mapped go as the path of their file, others as they are."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        mapped = {} if self.files is None else self.files.arrays
        is_mapped = [name for name, array in mapped.items() if own[name] is array]
        for name in is_mapped:
            del own[name]
        return _restored, (own, is_mapped)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.items.size)

    @property
    def times(self) -> Times | None:
        """Times with their zone."""
        return None if self.timestamps is None else Times(self.timestamps, self.zone)

    def users_at(self, positions: IntArray) -> IntArray:
        """User code of the event at each log position."""
        # side="right": users without events share their offset with the next user.
        return np.searchsorted(self.offsets, positions, side="right") - 1

    def count(self, fact: str) -> int:
        """Number of events that are "tied" with the one before, or "repeated", or "last tied".

        An event is tied if it has user and time of the event before it; it is repeated if an
        earlier one has its item as well. Without timestamps there are neither. Last events are
        those of the "users with two", or more.
        """
        if fact not in self.facts:
            is_tied = tied_events(self)
            ends = self.offsets[1:]
            last = ends[np.diff(self.offsets) > 1] - 1
            self.facts["tied"] = int(is_tied.sum())
            self.facts["repeated"] = int(_is_repeated(self, is_tied).sum())
            self.facts["last tied"] = int(is_tied[last].sum())
            self.facts["users with two"] = int(last.size)
        return int(self.facts[fact])


def _restored(own: dict[str, Any], is_mapped: list[str]) -> EventLog:
    """Log from its parts; some are found in its files."""
    arrays = {name: own["files"].arrays[name] for name in is_mapped}
    return EventLog(**own, **arrays)


def tied_events(log: EventLog) -> BoolArray:
    """Whether each event has user and time of the one before it, (n_events,)."""
    is_tied = np.zeros(log.n_events, dtype=bool)
    if log.timestamps is not None and log.n_events:
        is_tied[1:] = log.timestamps[1:] == log.timestamps[:-1]
        starts = log.offsets[:-1]
        is_tied[starts[starts < log.n_events]] = False
    return is_tied


def _is_repeated(log: EventLog, is_tied: BoolArray) -> BoolArray:
    """Whether an earlier event has user, time and item of each event."""
    is_repeated = np.zeros(log.n_events, dtype=bool)
    # Few events are tied: only these are looked at, and those before them.
    among = np.flatnonzero(is_tied | np.append(is_tied[1:], False))
    moments = np.cumsum(~is_tied[among])  # the same number for tied events
    order = np.lexsort((log.items[among], moments))
    among, moments = among[order], moments[order]
    same = (moments[1:] == moments[:-1]) & (log.items[among[1:]] == log.items[among[:-1]])
    is_repeated[among[1:][same]] = True
    return is_repeated


def sort_events(
    users: tuple[IdArray, IntArray],
    items: IntArray,
    times: Times | None,
    weights: Float64Array | None = None,
    *,
    drop_duplicates: bool | None = None,
) -> EventLog:
    """Build the log; equal times of a user keep the order in which they came.

    Parameters
    ----------
    users : pair of ndarray of shape (n_users,) and ndarray of shape (n_events,)
        Ids, sorted, and the number of that of each event.
    items : ndarray of shape (n_events,)
        Catalog rows.
    times : Times or None
        None: the events of each user are in order.
    weights : ndarray of shape (n_events,) or None
        Weight of each event.
    drop_duplicates : bool or None
        What to do with events that repeat user, item and time: drop all but the first, keep them
        and warn, or (None) just keep them.
    """
    user_ids, codes = users
    log = sort_codes(user_ids, codes, items, times, weights)
    return log if drop_duplicates is None else without_repeats(log, drop=drop_duplicates)


def without_repeats(log: EventLog, *, drop: bool) -> EventLog:
    """The log without events that repeat an earlier one, or all of it and a warning."""
    if log.timestamps is None:
        return log
    if drop:
        return take_events(log, first_of_each(log))
    n_repeated = log.count("repeated")
    if n_repeated:
        warn_of_repeats(n_repeated, places_of_repeats(log), log.n_events)
    return log


def sort_codes(
    user_ids: IdArray,
    users: npt.NDArray[np.integer[Any]],
    items: npt.NDArray[np.integer[Any]],
    times: Times | None,
    weights: Float64Array | None = None,
) -> EventLog:
    """Build the log of events whose users are known by number.

    Parameters
    ----------
    user_ids : ndarray of shape (n_users,)
        Distinct ids in ascending order.
    users : ndarray of shape (n_events,)
        Row of each event's user in ``user_ids``, in integers of any width, which saves memory.
    items : ndarray of shape (n_events,)
        Catalog rows, in integers of any width.
    times : Times or None
        None: the events of each user are in order.
    weights : ndarray of shape (n_events,) or None
        Weight of each event.
    """
    values = None if times is None else times.values
    order = _order_of(users, values)
    counts = np.bincount(users, minlength=user_ids.size)
    return EventLog(
        items=items[order].astype(np.int64, copy=False),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        user_ids=user_ids,
        timestamps=None if values is None else values[order],
        source=order.astype(np.int64, copy=False),
        zone=None if times is None else times.zone,
        weights=None if weights is None else weights[order],
        n_inputs=users.size,
    )


def _order_of(codes: npt.NDArray[np.integer[Any]], values: npt.NDArray[Any] | None) -> IntArray:
    """Order by user, then time, then place; only users whose events are not in order are sorted."""
    order = np.argsort(codes, kind="stable")  # next to nothing for runs that are sorted
    if values is None or codes.size == 0:
        return order
    users, moments = codes[order], values[order]
    is_back = (users[1:] == users[:-1]) & (moments[1:] < moments[:-1])
    is_unsorted = np.zeros(users[-1] + 1, dtype=bool)
    is_unsorted[users[1:][is_back]] = True
    among = np.flatnonzero(is_unsorted[users])
    order[among] = order[among][np.lexsort((moments[among], users[among]))]
    return order


def places_of_repeats(log: EventLog) -> IntArray:
    """Where in the input the events stand that repeat an earlier one, ascending."""
    return np.sort(log.source[_is_repeated(log, tied_events(log))])


def warn_of_repeats(n_repeated: int, places: IntArray, n_events: int) -> None:
    """Warn if events are repeated, the first of them at these places of the input."""
    if n_repeated:
        shown = ", ".join(map(str, places[:3].tolist())) + (", ..." if n_repeated > 3 else "")
        warnings.warn(
            f"{n_repeated} of {n_events} events repeat user, item and time of an earlier one "
            f"(in the input at position {shown}), as in a log that was read twice; such events "
            "are easy to predict. Keep one of each with X.drop_duplicates().",
            RepeatedEventsWarning,
            stacklevel=caller_level(),
        )


def first_of_each(log: EventLog) -> BoolArray:
    """Mask of the events that are not repeated, (n_events,)."""
    return ~_is_repeated(log, tied_events(log))


def take_events(log: EventLog, is_kept: BoolArray, items: IntArray | None = None) -> EventLog:
    """Log of some events; users without one are left out.

    Parameters
    ----------
    log : EventLog
        All events.
    is_kept : ndarray of shape (n_events,), dtype bool
        Which of them.
    items : ndarray of shape (n_kept,) or None
        Other catalog rows of their items.
    """
    users = log.users_at(np.flatnonzero(is_kept))
    rows, codes = np.unique(users, return_inverse=True)
    return EventLog(
        items=log.items[is_kept] if items is None else items,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(codes))]).astype(np.int64),
        user_ids=log.user_ids[rows],
        timestamps=None if log.timestamps is None else log.timestamps[is_kept],
        source=log.source[is_kept],
        zone=log.zone,
        weights=None if log.weights is None else log.weights[is_kept],
        n_inputs=log.n_inputs,
        ties=log.ties,
        tie_key=log.tie_key,
    )
