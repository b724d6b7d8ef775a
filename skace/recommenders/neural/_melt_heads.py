"""Heads of both long tails: users and items of many events, and what is read of them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["histories_before", "last_events", "n_events_of_users", "threshold_at"]


def threshold_at(values, quantile):
    """Smallest whole number above a quantile of values; 1 if there are none."""
    return int(np.floor(np.quantile(values, quantile))) + 1 if values.size else 1


def last_learned(is_learned, offsets):
    """Users with a learned row, and the log position of the last one of each."""
    positions = np.flatnonzero(is_learned)
    users = np.searchsorted(offsets, positions, side="right") - 1
    is_last = np.append(np.diff(users) != 0, True)[: users.size]
    return users[is_last], positions[is_last]


def n_events_of_users(is_learned, offsets):
    """Events up to the last learned row of each user that has one."""
    users, last = last_learned(is_learned, offsets)
    return last + 1 - offsets[users]


def last_events(is_learned, offsets, threshold, max_length):
    """What is read of each user with at least ``threshold`` events.

    Returns
    -------
    starts, lengths : ndarray of shape (n_users,)
        The last events up to and with the last learned row, at most ``max_length``.
    """
    users, last = last_learned(is_learned, offsets)
    n_events = last + 1 - offsets[users]
    is_head = n_events >= threshold
    lengths = np.minimum(n_events[is_head], max_length)
    return last[is_head] + 1 - lengths, lengths


def histories_before(items, is_learned, offsets, is_wanted, max_length, *, through=False):
    """What leads to the learned rows of wanted items, sorted by item.

    Parameters
    ----------
    items : ndarray of shape (n_events,)
        Item row of each event.

    is_learned : ndarray of shape (n_events,), bool
        Rows to learn from.

    offsets : ndarray of shape (n_users + 1,)
        Start of each user's events.

    is_wanted : ndarray of shape (n_items,), bool
        Items to look at.

    max_length : int
        Most events of a history, the last ones.

    through : bool, default=False
        Whether a history ends with the item; else before it.

    Returns
    -------
    rows : ndarray of shape (n_wanted,)
        Wanted items that have a history that is not empty.

    bounds : ndarray of shape (n_wanted + 1,)
        Where the histories of each of them begin.

    starts, lengths : ndarray of shape (n_histories,)
        Log positions and numbers of events.
    """
    events = np.flatnonzero(is_learned & is_wanted[items])
    begins = offsets[np.searchsorted(offsets, events, side="right") - 1]
    has_past = events > begins
    events, begins = events[has_past], begins[has_past]
    order = np.argsort(items[events], kind="stable")
    events, begins = events[order], begins[order]
    rows, counts = np.unique(items[events], return_counts=True)
    ends = events + through
    starts = np.maximum(begins, ends - max_length)
    return rows, np.concatenate([[0], np.cumsum(counts)]), starts, ends - starts
