"""Events that are put into a sorted log, without sorting it again."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import BoolArray, IdArray, IntArray
from skace.data._catalog import Catalog
from skace.data._event_spill import users_of_parts
from skace.data._log import EventLog, without_repeats
from skace.data._log_files import folder_for_log
from skace.data._log_writer import LogWriter
from skace.data._merge import check_alike, joined_ties, merge_catalogs
from skace.data._tie_key import joined_tie_keys

__all__ = ["appended"]

_OF_EVENTS = ("items", "timestamps", "source", "weights")


def appended(
    X: Any, new_events: Any, *, drop_duplicates: bool, folder: Any
) -> tuple[EventLog, Catalog]:
    """Log of both, and its catalog."""
    for part, name in ((X, "X"), (new_events, "new_events")):
        if not part._is_whole:
            raise ValueError(
                f"{name} must hold all rows of a log, in their order, got {len(part)} "
                f"{'queries' if part.is_query else 'rows'} of {part._log.n_events} events; join "
                "slices with Interactions.concat."
            )
    check_alike([X, new_events])
    catalog = merge_catalogs([X.catalog, new_events.catalog])
    old = _in_catalog(X._log, X.catalog, catalog)
    new = _in_catalog(new_events._log, new_events.catalog, catalog)
    new = _continued(old, new)
    pair = _Pair.of(old, new)
    rest: dict[str, Any] = {
        "zone": old.zone,
        "n_inputs": old.n_inputs + new.n_inputs,
        "ties": joined_ties([old.ties, new.ties]),
        "tie_key": joined_tie_keys([old.tie_key, new.tie_key]),
    }
    if folder is None and old.files is None:
        log = pair.joined(0, pair.user_ids.size)
        return without_repeats(replace(log, **rest), drop=drop_duplicates), catalog
    with (
        folder_for_log(folder) as where,
        LogWriter(where, drop_duplicates=drop_duplicates) as writer,
    ):
        for part in pair.parts():
            writer.add(part)
        log = writer.finish(pair.user_ids, is_temporary=folder is None, **rest)
    return log, catalog


def _in_catalog(log: EventLog, own: Catalog, catalog: Catalog) -> EventLog:
    """The log with items as rows of another catalog, which mostly are the same."""
    rows = catalog.row_of(own.item_ids)
    if np.array_equal(rows, np.arange(rows.size)):
        return log
    return replace(log, items=rows[log.items])


def _continued(old: EventLog, new: EventLog) -> EventLog:
    """New events with times of the old type, and places in the input after all old ones."""
    new = replace(new, source=new.source + old.n_inputs)
    if old.timestamps is None or new.timestamps is None:
        return new
    with np.errstate(invalid="ignore"):  # what does not fit is refused
        times = new.timestamps.astype(old.timestamps.dtype)
        back = times.astype(new.timestamps.dtype)
    if (back != new.timestamps).any() or _is_other_sign(times, new.timestamps).any():
        raise ValueError(
            f"the timestamps of new_events are {new.timestamps.dtype} and lose something as "
            f"{old.timestamps.dtype}, which those of X are; join them with Interactions.concat."
        )
    return replace(new, timestamps=times)


def _is_other_sign(times: npt.NDArray[Any], others: npt.NDArray[Any]) -> BoolArray:
    """Where one is negative alone, as -1 is 2**64 - 1 without a sign, and -1 again with it."""
    if times.dtype.kind == "M":  # always signed
        return np.zeros(times.shape, dtype=bool)
    is_other: BoolArray = (times < 0) != (others < 0)
    return is_other


@dataclass(frozen=True)
class _Pair:
    """Two logs over the users of both who have an event."""

    old: EventLog
    new: EventLog
    user_ids: IdArray  # (n_users,), ascending
    old_offsets: IntArray  # (n_users + 1,) events of the old log before each user
    new_offsets: IntArray

    @classmethod
    def of(cls, old: EventLog, new: EventLog) -> "_Pair":
        counts = [np.diff(log.offsets) for log in (old, new)]
        known = [log.user_ids[n > 0] for log, n in zip((old, new), counts, strict=True)]
        user_ids = np.union1d(*known)
        offsets = []
        for ids, n in zip(known, counts, strict=True):
            own = np.zeros(user_ids.size + 1, dtype=np.int64)
            own[1 + np.searchsorted(user_ids, ids)] = n[n > 0]
            offsets.append(np.cumsum(own))
        return cls(old, new, user_ids, *offsets)

    def parts(self) -> Iterator[EventLog]:
        """Yield the joined log of some users after that of those before."""
        users = users_of_parts(self.old_offsets + self.new_offsets)
        for first, last in zip(users[:-1].tolist(), users[1:].tolist(), strict=True):
            yield self.joined(first, last)

    def joined(self, first: int, last: int) -> EventLog:
        """Joined log of the users from ``first`` to before ``last``."""
        olds, news = self.old_offsets[first : last + 1], self.new_offsets[first : last + 1]
        of_old, of_new = slice(olds[0], olds[-1]), slice(news[0], news[-1])
        times = [None if t is None else t[s] for t, s in self._times(of_old, of_new)]
        places = _places(olds - olds[0], news - news[0], *times)
        arrays: dict[str, Any] = {}
        for name in _OF_EVENTS:
            old, new = getattr(self.old, name), getattr(self.new, name)
            # numpy.insert keeps the order of what goes to one place.
            arrays[name] = None if old is None else np.insert(old[of_old], places, new[of_new])
        offsets = olds + news
        return EventLog(offsets=offsets - offsets[0], user_ids=self.user_ids[first:last], **arrays)

    def _times(self, of_old: slice, of_new: slice) -> tuple[tuple[Any, slice], tuple[Any, slice]]:
        return (self.old.timestamps, of_old), (self.new.timestamps, of_new)


def _places(
    old_offsets: IntArray,
    new_offsets: IntArray,
    old_times: npt.NDArray[Any] | None,
    new_times: npt.NDArray[Any] | None,
) -> IntArray:
    """Before which old event each new one belongs: after those of its user that are not later.

    A search by halves in the events of the user, for all new events together.
    """
    n_new = np.diff(new_offsets)
    low, high = (np.repeat(ends, n_new) for ends in (old_offsets[:-1], old_offsets[1:]))
    if old_times is None or new_times is None:
        return high
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_]) // 2
        is_after = old_times[middle] <= new_times[open_]
        low[open_[is_after]] = middle[is_after] + 1
        high[open_[~is_after]] = middle[~is_after]
    return low
