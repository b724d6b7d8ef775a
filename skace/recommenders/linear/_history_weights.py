"""How much each event of a history counts, by its age."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp

from skace._windows import past_events

__all__ = ["as_numbers", "history_weights", "weights_of_events"]

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
    rows, events, values = weights_of_events(histories, decay, decay_by)
    items, is_felt = histories.items[events], values > 0
    entries = values[is_felt], (rows[is_felt], items[is_felt])
    weights = sp.csr_array(entries, shape=(len(histories), n_items))
    if decay is None:
        weights.data[:] = 1  # a set: the sum over repeats is not wanted
    return weights


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
        ages = _ages_in_time(histories.times, histories.ends, rows, events)
    is_felt = ages < _NEGLIGIBLE * decay
    values = np.zeros(rows.size, dtype=np.float32)
    values[is_felt] = np.exp(-ages[is_felt] / decay)
    return rows, events, values


def _ages_in_time(times, ends, rows, events):
    """Time from each event to the last one of its history."""
    if times is None:
        raise ValueError(
            "decay_by='time' needs timestamps, but X has none; pass Interactions with timestamps, "
            "or set decay_by='events'."
        )
    return as_numbers(times[ends - 1])[rows] - as_numbers(times[events])


def as_numbers(times):
    """Timestamps as float64: in days for datetimes, in their own unit for numbers."""
    if times.dtype.kind == "M":
        return (times - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    return times.astype(np.float64)
