"""Filters that make a new log."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral
from typing import Any

import numpy as np

from skace._typing import BoolArray, IntArray
from skace.data._log import take_events

__all__ = ["k_core"]


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
    if X.is_query or np.unique(X._ends).size != log.n_events:
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
    ends = np.arange(new_log.n_events, dtype=np.int64)
    return X._derive(log=new_log, catalog=X.catalog.take(item_rows), ends=ends)


def _core_events(users: IntArray, items: IntArray, n: int) -> BoolArray:
    """Mask of the events that survive."""
    is_kept = np.ones(users.size, dtype=bool)
    while True:
        frequent_user = np.bincount(users[is_kept], minlength=users.max() + 1) >= n
        frequent_item = np.bincount(items[is_kept], minlength=items.max() + 1) >= n
        still = is_kept & frequent_user[users] & frequent_item[items]
        if still.sum() == is_kept.sum():
            return still
        is_kept = still
