"""Histories: what a model is asked about, in its own item columns."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, replace

import numpy as np

from skace._validation import first_few
from skace._windows import past_events, past_items, spans_of

__all__ = ["Histories", "as_numbers", "histories_of"]

_BLOCK_EVENTS = 2**20  # of pasts, and items in them, that are held at once
_FEW = 8  # share of the events of a log, as a divisor, below which only those are mapped


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """One past per row: ``items[starts[i]:ends[i]]``, oldest first.

    ``items`` are columns of the model; columns from ``n_items`` on are unknown items that
    the model embeds from the features of the catalog in which they came.
    """

    items: np.ndarray  # (n_events,) int64
    starts: np.ndarray  # (n_rows,)
    ends: np.ndarray  # (n_rows,)
    extra_features: np.ndarray | None = None  # (n_extra, n_features)
    times: np.ndarray | None = None  # (n_events,)
    states: np.ndarray | None = None  # (n_rows, D) what the model made of them, if it is known

    def __len__(self):
        return int(self.starts.size)

    @property
    def lengths(self):
        """Number of events of each past, shape (n_rows,)."""
        return self.ends - self.starts

    def take(self, rows):
        """Histories of some rows, over the same events."""
        states = None if self.states is None else self.states[rows]
        return replace(self, starts=self.starts[rows], ends=self.ends[rows], states=states)

    def in_columns(self, columns):
        """Histories in columns of another model, of their own events only.

        Parameters
        ----------
        columns : ndarray of shape (n_items,)
            There, of each column here; events of those that are negative are skipped.
        """
        rows, events = past_events(self.starts, self.ends)
        items = columns[self.items[events]]
        is_kept = items >= 0
        ends = np.cumsum(np.bincount(rows[is_kept], minlength=len(self)))
        times = None if self.times is None else self.times[events[is_kept]]
        return Histories(items[is_kept], np.append(0, ends)[:-1], ends, times=times)

    def seen(self, n_items):
        """Row numbers and columns of the known items of each past, every item once."""
        rows, columns = past_items(self.items, self.starts, self.ends)
        is_known = columns < n_items
        return rows[is_known], columns[is_known]

    def blocks(self, n_rows, n_items):
        """Yield slices of at most so many rows, over few events and items of pasts."""
        # What a row adds: its different items, and the events that the row before does not have.
        is_next = np.append(False, self.starts[1:] == self.starts[:-1])
        more = np.abs(np.diff(self.ends, prepend=0))
        costs = np.minimum(self.lengths, n_items) + np.where(is_next, more, self.lengths)
        total = np.cumsum(costs)
        begin = 0
        while begin < len(self):
            # The first row of a block reads all of its past.
            taken = min(int(self.lengths[begin]), _BLOCK_EVENTS // 2)
            allowed = total[begin] - taken + _BLOCK_EVENTS
            end = int(np.searchsorted(total, allowed, side="right"))
            end = min(max(end, begin + 1), begin + n_rows, len(self))
            yield slice(begin, end)
            begin = end


def as_numbers(times):
    """Timestamps as float64: in days for datetimes, in their own unit for numbers."""
    if times.dtype.kind == "M":
        return (times - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    return times.astype(np.float64)


def histories_of(X, columns, n_items, handle_unknown, features=None):
    """Histories of the rows of ``X``.

    Parameters
    ----------
    X : Interactions
        Rows or queries.
    columns : ndarray of shape (n_catalog_items,)
        Model column of each item of X's catalog, -1 for unknown ones.
    n_items : int
        Number of columns of the model.
    handle_unknown : {"error", "ignore"}
        What to do with items in a past that are unknown and cannot be embedded.
    features : ndarray of shape (n_catalog_items, n_features) or None
        Features that the model can embed; None when it cannot.

    Returns
    -------
    histories : Histories
        One per row, in order.
    """
    codes, times, starts, ends = _events_behind(X)
    items = columns[codes]
    is_unknown = items < 0
    if not is_unknown.any():
        return Histories(items, starts, ends, times=times)
    n_before = np.concatenate([[0], np.cumsum(is_unknown)])
    if not (n_before[ends] > n_before[starts]).any():
        return Histories(items, starts, ends, times=times)
    if features is not None:
        unknown, places = np.unique(codes[is_unknown], return_inverse=True)
        items[is_unknown] = n_items + places
        return Histories(items, starts, ends, features[unknown], times)
    if handle_unknown == "error":
        _refuse_unknown(X.catalog.item_ids[codes], starts, ends, is_unknown, n_before)
    if handle_unknown != "ignore":  # may have been set since the fit
        raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {handle_unknown!r}.")
    kept = np.concatenate([[0], np.cumsum(~is_unknown)])
    times = None if times is None else times[~is_unknown]
    return Histories(items[~is_unknown], kept[starts], kept[ends], times=times)


def _events_behind(X):
    """Items and times of the log that the rows of X may read, with starts and ends among them.

    A few rows of a long log need few of its events; for many, the log is taken as it is.
    """
    log, starts, ends = X._log, X._starts, X._ends
    begins, stops, numbers = spans_of(starts, ends)
    n_events = int((stops - begins).sum())
    if n_events * _FEW >= log.n_events:
        return log.items, log.timestamps, starts, ends
    _, events = past_events(begins, stops)
    shift = np.cumsum(stops - begins) - (stops - begins) - begins
    times = None if log.timestamps is None else log.timestamps[events]
    return log.items[events], times, starts + shift[numbers], ends + shift[numbers]


def _refuse_unknown(ids, starts, ends, is_unknown, n_before):
    """Raise a ValueError that names the first unknown items and rows."""
    is_bad = n_before[ends] > n_before[starts]
    row = int(np.argmax(is_bad))
    past = slice(starts[row], ends[row])
    raise ValueError(
        f"the history of X[{row}] holds item ids that the model has not been fitted on: "
        f"{first_few(ids[past][is_unknown[past]])} ({int(is_bad.sum())} row(s) affected); set "
        "handle_unknown='ignore' to skip such events, or partial_fit the model with a catalog "
        "that holds them."
    )
