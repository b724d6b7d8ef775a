"""Places in the log: training windows that cover each row once, and the events of pasts."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._typing import BoolArray, IntArray

__all__ = [
    "Windows",
    "batch_order",
    "cut_windows",
    "n_batches",
    "past_events",
    "past_items",
    "rows_asked",
    "spans_of",
]

_BUCKET_BATCHES = 50  # batches that are drawn together, then sorted by length


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Pieces of the log that a causal encoder reads in one pass.

    Window ``w`` reads the events ``starts[w] .. starts[w] + lengths[w] - 1`` and at each of
    them predicts the event after it. Its loss falls on those predicted events that stand at
    ``first_targets[w]`` or later and are training rows.
    """

    starts: IntArray  # (n_windows,) log positions
    lengths: IntArray  # (n_windows,) at most max_length
    first_targets: IntArray  # (n_windows,) log positions

    def __len__(self) -> int:
        return int(self.starts.size)


def cut_windows(
    is_row: BoolArray, offsets: IntArray, max_length: int, *, overlap: bool = True
) -> Windows:
    """Windows that cover the training rows of every user.

    Parameters
    ----------
    is_row : ndarray of shape (n_events,), dtype bool
        Which events of the log are training rows.
    offsets : ndarray of shape (n_log_users + 1,)
        Start of each user's events.
    max_length : int
        Most events that a window reads.
    overlap : bool, default=True
        True: windows are aligned to the user's last training row and overlap by half, so
        that every row with a past is predicted exactly once, from at least half a window
        where the user has as much past. False: the last window only.

    Returns
    -------
    windows : Windows
        Windows without a row to predict are left out.
    """
    last = _last_rows(is_row, offsets)
    begin = offsets[:-1]
    n_inputs = last - begin  # predicting the last row takes all events before it
    users = np.flatnonzero((last >= 0) & (n_inputs > 0))
    begin, last, n_inputs = begin[users], last[users], n_inputs[users]
    stride = max(1, max_length // 2)
    surplus = np.maximum(n_inputs - max_length, 0)
    counts = 1 + (-(-surplus // stride) if overlap else np.zeros_like(surplus))
    owner = np.repeat(np.arange(users.size), counts)
    back = np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = last[owner] - back * stride  # one past the last event read
    starts = np.maximum(begin[owner], ends - max_length)
    is_first = back == counts[owner] - 1
    first_targets = np.where(is_first, starts + 1, ends - stride + 1)
    return _with_targets(Windows(starts, ends - starts, first_targets), is_row)


def _last_rows(is_row: BoolArray, offsets: IntArray) -> IntArray:
    """Position of each user's last training row, -1 for none."""
    positions = np.where(is_row, np.arange(is_row.size), -1)
    running = np.maximum.accumulate(positions) if positions.size else positions
    ends = offsets[1:]
    last = np.where(ends > 0, running[np.maximum(ends - 1, 0)] if running.size else -1, -1)
    return np.where(last >= offsets[:-1], last, -1)


def _with_targets(windows: Windows, is_row: BoolArray) -> Windows:
    """Windows that have a row to predict."""
    n_rows = np.concatenate([[0], np.cumsum(is_row)])
    stop = windows.starts + windows.lengths + 1
    has_target = n_rows[stop] > n_rows[windows.first_targets]
    return Windows(
        windows.starts[has_target], windows.lengths[has_target], windows.first_targets[has_target]
    )


def n_batches(n_windows: int, batch_size: int) -> int:
    """Batches of an epoch, of which the last one may be smaller."""
    return -(-n_windows // batch_size)


def batch_order(
    lengths: IntArray, batch_size: int, rng: np.random.Generator | np.random.RandomState
) -> list[IntArray]:
    """Random batches of windows of similar length.

    Windows are shuffled, cut into groups of 50 batches, sorted by length inside each group,
    cut into batches, and the batches shuffled: little padding, and who shares a batch with
    whom changes from epoch to epoch.

    Parameters
    ----------
    lengths : ndarray of shape (n_windows,)
        Events read by each window.
    batch_size : int
        Windows in a batch.
    rng : numpy generator
        Source of the order.

    Returns
    -------
    batches : list of ndarray
        Window numbers; each window occurs once.
    """
    order = rng.permutation(lengths.size)
    batches = []
    for begin in range(0, order.size, batch_size * _BUCKET_BATCHES):
        group = order[begin : begin + batch_size * _BUCKET_BATCHES]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[i : i + batch_size] for i in range(0, group.size, batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def past_events(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
    """Row number and log position of each event of the pasts ``starts[i]:ends[i]``."""
    lengths = ends - starts
    rows = np.repeat(np.arange(lengths.size), lengths)
    first = np.cumsum(lengths) - lengths  # of each row, among all events
    return rows, starts[rows] + np.arange(rows.size) - first[rows]


def spans_of(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Beginning and end of the events behind pasts, and number of the span of each past.

    Pasts of one beginning lie within each other, so that the longest of them is the span of all.
    """
    begins, numbers = np.unique(starts, return_inverse=True)
    stops = begins.copy()
    np.maximum.at(stops, numbers, ends)
    return begins, stops, numbers


def past_items(items: IntArray, starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
    """Row number and item of each past ``items[starts[i]:ends[i]]``, every item once.

    Takes time and memory by the length of the spans and of what is returned, not by the sum of the
    lengths of the pasts, which for the rows of a long user grows with the square of its length.
    """
    begins, stops, numbers = spans_of(starts, ends)
    spans, events = past_events(begins, stops)
    # An event stands for its item in the rows that end behind it and not behind the next of
    # the same item in the same span.
    order = np.lexsort((items[events], spans))
    is_same = (spans[order][1:] == spans[order][:-1]) & (
        items[events[order]][1:] == items[events[order]][:-1]
    )
    last = stops[spans]  # until when each event stands for its item
    last[order[:-1][is_same]] = events[order[1:][is_same]]
    # Ends on one line, a stretch for each span, so that one search finds them all.
    shift = np.cumsum(stops - begins + 1) - (stops - begins + 1) - begins
    line = ends + shift[numbers]
    by_end = np.argsort(line, kind="stable")
    line = line[by_end]
    first = np.searchsorted(line, events + shift[spans], side="right")
    beyond = np.searchsorted(line, last + shift[spans], side="right")
    chosen, rows = past_events(first, beyond)
    return by_end[rows], items[events[chosen]]


def rows_asked(windows: Windows, is_row: BoolArray) -> tuple[IntArray, IntArray]:
    """Window number and log position of each training row that the windows ask for."""
    numbers, events = past_events(windows.first_targets, windows.starts + windows.lengths + 1)
    is_asked = is_row[events]
    return numbers[is_asked], events[is_asked]
