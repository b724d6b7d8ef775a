"""Filters that make a new log."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import Any

import numpy as np

from skace._typing import BoolArray, IntArray
from skace.data._log import take_events
from skace.data._row_numbers import distinct

__all__ = ["k_core"]

_FEW = 16  # share of the events, as a divisor, below which those that go are few


def k_core(X: Any, n: int) -> Any:
    """Keep users and items with at least ``n`` events, until nothing changes.

    Parameters
    ----------
    X : Interactions
        All rows of a log.

    n : int
        Smallest number of events per user and per item.

    Returns
    -------
    X_core : Interactions
        A new log, whose catalog holds the remaining items only.

    Raises
    ------
    ValueError
        If X lacks rows of its log, or nothing remains.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.data import Interactions, k_core
    >>> X = Interactions.from_sequences([["pen", "ink"], ["ink", "pen"], ["cap", "pen"]])
    >>> k_core(X, 2).items
    array(['pen', 'ink', 'ink', 'pen'], dtype='<U3')
    """
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an int in the range [1, inf), got {n!r}.")
    log = X._log
    if X.is_query or not (X._is_whole or distinct(X._ends).size == log.n_events):
        raise ValueError(
            f"k_core needs all rows of a log, got {len(X)} of {log.n_events}; filter before "
            "slicing."
        )
    users = log.users_at(np.arange(log.n_events, dtype=np.int64))
    is_kept = _core_events(users, log.items, int(n))
    if not is_kept.any():
        raise ValueError(f"k_core({n}) leaves no event; lower n.")
    item_rows, items = np.unique(log.items[is_kept], return_inverse=True)
    new_log = take_events(log, is_kept, items.astype(np.int64))
    ends = range(new_log.n_events)
    return X._derive(log=new_log, catalog=X.catalog.take(item_rows), ends=ends)


def _core_events(users: IntArray, items: IntArray, n: int) -> BoolArray:
    """Mask of the events that survive."""
    is_kept = np.ones(users.size, dtype=bool)
    while True:
        frequent_user = np.bincount(users[is_kept], minlength=users.max() + 1) >= n
        frequent_item = np.bincount(items[is_kept], minlength=items.max() + 1) >= n
        still = is_kept & frequent_user[users] & frequent_item[items]
        n_before, n_after = int(is_kept.sum()), int(still.sum())
        is_kept = still
        if n_after == n_before:
            return is_kept
        if n_before - n_after < n_before // _FEW:
            # From here on each pass over all events would find few to drop.
            among = np.flatnonzero(is_kept)
            is_kept[among] = _peeled(users[among], items[among], n)
            return is_kept


def _peeled(users: IntArray, items: IntArray, n: int) -> BoolArray:
    """The same for events of which few go: each is looked at once for its user and its item."""
    n_users = int(users.max(initial=-1)) + 1
    nodes = np.concatenate([users, items + n_users])
    counts = np.bincount(nodes)
    order = np.argsort(nodes, kind="stable") % max(1, users.size)  # events of each node
    ends = np.cumsum(counts)
    other = (users + (items + n_users)).tolist()  # less the node itself: that of the other kind
    left, is_kept = counts.tolist(), [True] * users.size
    waiting = np.flatnonzero((counts > 0) & (counts < n)).tolist()
    while waiting:
        node = waiting.pop()
        for event in order[ends[node] - counts[node] : ends[node]].tolist():
            if is_kept[event]:
                is_kept[event] = False
                neighbor = other[event] - node
                left[neighbor] -= 1
                if left[neighbor] == n - 1:
                    waiting.append(neighbor)
    return np.array(is_kept, dtype=bool)
