"""How much each event of a history counts, by its age."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from skace._windows import past_events, past_items
from skace.recommenders._histories import as_numbers

__all__ = ["history_weights", "weights_of_events"]

_BLOCK_EVENTS = 2**20  # whose weights are found together
_NEGLIGIBLE = 23.0  # decays after which an event counts less than 1e-10 of the newest


def history_weights(histories, n_items, decay, decay_by):
    """Matrix of shape (n_rows, n_items), float32: what each history gives to each item.

    Parameters
    ----------
    histories : Histories
        Non-empty pasts.
    n_items : int
        Number of columns of the model.
    decay : float or None
        An event of age a counts exp(-a / decay), repeats add up. None: every item of the
        history counts 1, however often and whenever it was taken.
    decay_by : {"events", "time"}
        Age: number of later events, or time before the last event.

    Returns
    -------
    weights : scipy.sparse.csr_array
        Rows as in ``histories``.
    """
    shape = (len(histories), n_items)
    if decay is None:
        rows, items = past_items(histories.items, histories.starts, histories.ends)
        return sp.csr_array((np.ones(rows.size, dtype=np.float32), (rows, items)), shape=shape)
    histories = replace(histories, starts=_felt_from(histories, decay, decay_by))
    parts = [
        _decayed(histories.take(slice(first, last)), n_items, decay, decay_by)
        for first, last in _few_events(histories.lengths)
    ]
    if not parts:
        return sp.csr_array(shape, dtype=np.float32)
    return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")


def _felt_from(histories, decay, decay_by):
    """Log position of the first event of each history that is felt, (n_rows,).

    So that a long user costs what the felt events cost, not the square of all of them.
    """
    starts, last = histories.starts, histories.ends - 1
    if decay_by == "events":
        return np.maximum(starts, last + 1 - int(min(np.ceil(_NEGLIGIBLE * decay), 2**62)))
    times = _times_of(histories)
    # Bisection in all histories at once: what stands before ``low`` is too old, ``high`` is not.
    low, high = starts, last
    while (low < high).any():
        middle = (low + high) // 2
        is_old = times[last] - times[middle] >= _NEGLIGIBLE * decay
        low, high = np.where(is_old, middle + 1, low), np.where(is_old, high, middle)
    return low


def _few_events(lengths):
    """Yield first and last row, plus 1, of stretches whose pasts have few events together."""
    total = np.cumsum(lengths)
    first = 0
    while first < lengths.size:
        allowed = total[first] - lengths[first] + _BLOCK_EVENTS
        last = max(int(np.searchsorted(total, allowed, side="right")), first + 1)
        yield first, last
        first = last


def _decayed(histories, n_items, decay, decay_by):
    """Matrix of a few histories, by the age of each event."""
    rows, events, values = weights_of_events(histories, decay, decay_by)
    items, is_felt = histories.items[events], values > 0
    entries = values[is_felt], (rows[is_felt], items[is_felt])
    return sp.csr_array(entries, shape=(len(histories), n_items))


def weights_of_events(histories, decay, decay_by):
    """Row number, log position and weight, float32, of each event of the histories.

    As in `history_weights`, before repeats are added up; 0 for what counts next to nothing.
    """
    rows, events = past_events(histories.starts, histories.ends)
    if decay is None:
        return rows, events, np.ones(rows.size, dtype=np.float32)
    if decay_by == "events":
        ages = histories.ends[rows] - 1 - events
    else:
        times = _times_of(histories)
        ages = times[histories.ends - 1][rows] - times[events]
    is_felt = ages < _NEGLIGIBLE * decay
    values = np.zeros(rows.size, dtype=np.float32)
    values[is_felt] = np.exp(-ages[is_felt] / decay)
    return rows, events, values


def _times_of(histories):
    """Times of all events as numbers."""
    if histories.times is None:
        raise ValueError(
            "decay_by='time' needs timestamps, but X has none; pass Interactions with timestamps, "
            "or set decay_by='events'."
        )
    return as_numbers(histories.times)
