"""Head and tail, warm and cold: items by popularity."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real
from typing import Any

import numpy as np

from skace._sklearn_compat import Interval, validate_params
from skace._typing import BoolArray, IntArray

__all__ = ["check_counts", "popularity_groups"]


@validate_params(
    {"item_counts": ["array-like"], "head": [Interval(Real, 0, 1, closed="right")]},
    prefer_skip_nested_validation=True,
)
def popularity_groups(item_counts: Any, head: float = 0.2) -> dict[str, BoolArray]:
    """Divide items into head and tail, and into warm and cold.

    Parameters
    ----------
    item_counts : array-like of shape (n_items,)
        Training targets per item (``item_counts_`` of a recommender), whole numbers from 0.

    head : float, default=0.2
        Largest share of all items that may be head, in (0, 1]. A larger share makes more
        test rows head rows.

    Returns
    -------
    groups : dict of str to ndarray of shape (n_items,), dtype bool
        ``"head"``: the ``floor(head * n_items)`` most counted items, but at least one.
        ``"tail"``: all others. ``"cold"``: items of count 0. ``"warm"``: all others.

    Raises
    ------
    ValueError
        If the counts are not one-dimensional whole numbers from 0.

    Notes
    -----
    The share is one of *items*, cold ones included, not of events. Items of equal count at
    the border are taken in item order. A cold item is never head, so the head is smaller
    where fewer items than its share have a count.

    Examples
    --------
    >>> from skace.metrics import popularity_groups
    >>> groups = popularity_groups([5, 0, 9, 1, 1], head=0.4)
    >>> groups["head"]
    array([ True, False,  True, False, False])
    >>> groups["cold"]
    array([False,  True, False, False, False])
    """
    counts = check_counts(item_counts)
    # 0.29 * 100 is 28.999...: the small term undoes the rounding of the product.
    n_head = max(1, int(np.floor(head * counts.size + 1e-9)))
    is_head = np.zeros(counts.size, dtype=bool)
    is_head[np.argsort(-counts, kind="stable")[:n_head]] = True
    is_warm = counts > 0
    is_head &= is_warm
    return {"head": is_head, "tail": ~is_head, "warm": is_warm, "cold": ~is_warm}


def check_counts(item_counts: Any) -> IntArray:
    """One-dimensional int64 counts of at least 0."""
    counts = np.asarray(item_counts)
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(
            f"item_counts must be one-dimensional and not empty, got shape {counts.shape}; pass "
            "one count per item."
        )
    if counts.dtype.kind not in "iu":
        raise ValueError(f"item_counts must be integers, got dtype {counts.dtype}; pass counts.")
    if counts.min() < 0:
        item = int(np.argmax(counts < 0))
        raise ValueError(f"item_counts[{item}] is {counts[item]}; a count is at least 0.")
    return counts.astype(np.int64)
