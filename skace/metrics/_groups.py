"""Head and tail, warm and cold: items by popularity, rows by the length of their past."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Any

import numpy as np

from skace._sklearn_compat import Interval, validate_params
from skace._typing import BoolArray, IntArray
from skace.data import Interactions
from skace.data._inputs import rows_to_predict

__all__ = ["check_counts", "popularity_groups", "user_groups"]

_SHARE = Interval(Real, 0, 1, closed="right")
_THRESHOLD = Interval(Integral, 1, None, closed="left")
_QUANTILE = Interval(Real, 0, 1, closed="both")


@validate_params(
    {
        "item_counts": ["array-like"],
        "head": [_SHARE, None],
        "threshold": [_THRESHOLD, None],
        "quantile": [_QUANTILE, None],
    },
    prefer_skip_nested_validation=True,
)
def popularity_groups(
    item_counts: Any,
    head: float | None = None,
    *,
    threshold: int | None = None,
    quantile: float | None = None,
) -> dict[str, BoolArray]:
    """Divide items into head and tail, and into warm and cold.

    One of three parameters decides where the head begins. They belong to different published
    figures and give different groups.

    Parameters
    ----------
    item_counts : array-like of shape (n_items,)
        Events per item, integers from 0: training targets (``item_counts_`` of a
        recommender), or whatever the figures count that you compare with.

    head : float or None, default=None
        Largest share of all items that may be head, in (0, 1]. A larger share makes more test rows
        head rows. None: 0.2, if the other two parameters are None as well.

    threshold : int or None, default=None
        Smallest count of a head item, at least 1. LLMEmb [1]_ takes 4 (Amazon Beauty and
        Fashion) or 13 (Yelp), and counts the events of training, validation and test.

    quantile : float or None, default=None
        Head items have a count above this quantile, in [0, 1], of the counts of all warm
        items. MELT [2]_ counts training events and takes .78 (Amazon) or .48.

    Returns
    -------
    groups : dict of str to ndarray of shape (n_items,), dtype bool
        ``"head"``: with a share, the ``floor(head * n_items)`` items of highest count, at least
        one. ``"tail"``: items not in the head. ``"cold"``: items of count 0. ``"warm"``: items of
        count above 0.

    Raises
    ------
    ValueError
        If the counts are not one-dimensional integers from 0, or more than one of
        ``head``, ``threshold`` and ``quantile`` is given.

    Notes
    -----
    The share refers to *items*, including cold ones, not to events. Ties at the border are broken
    by item order. A cold item is never head, so the head is smaller than its share if too few items
    have a count.

    Stability: provisional.

    References
    ----------
    .. [1] Q. Liu et al., "LLMEmb: large language model can be a good embedding generator
       for sequential recommendation", AAAI 2025.
    .. [2] K. Kim et al., "MELT: mutual enhancement of long-tailed user and item for
       sequential recommendation", SIGIR 2023.

    Examples
    --------
    >>> from skace.metrics import popularity_groups
    >>> groups = popularity_groups([5, 0, 9, 1, 1], head=0.4)
    >>> groups["head"]
    array([ True, False,  True, False, False])
    >>> groups["cold"]
    array([False,  True, False, False, False])
    >>> popularity_groups([5, 0, 9, 1, 1], threshold=9)["head"]
    array([False, False,  True, False, False])
    """
    counts = check_counts(item_counts)
    _check_one_rule(head=head, threshold=threshold, quantile=quantile)
    is_warm = counts > 0
    if threshold is None and quantile is None:
        is_head = _most_counted(counts, 0.2 if head is None else head) & is_warm
    else:
        is_head = is_warm & _is_large(counts, counts[is_warm], threshold, quantile)
    return {"head": is_head, "tail": ~is_head, "warm": is_warm, "cold": ~is_warm}


@validate_params(
    {"X": "no_validation", "threshold": [_THRESHOLD, None], "quantile": [_QUANTILE, None]},
    prefer_skip_nested_validation=True,
)
def user_groups(
    X: Any, *, threshold: int | None = None, quantile: float | None = None
) -> dict[str, BoolArray]:
    """Divide rows by the length of their past into head and tail.

    Parameters
    ----------
    X : Interactions of shape (n_rows,), or list of sequences of item ids
        Rows or queries, for example the test rows of a splitter. The past of a row is every event
        before it in its user's log. Sequences of a list are pasts.

    threshold : int or None, default=None
        Smallest number of past events of a head row, at least 1. LLMEmb [1]_ takes 9
        (Amazon Beauty), 3 (Fashion) or 12 (Yelp) on the test rows of leave-one-out, whose
        pasts are the training and validation events.

    quantile : float or None, default=None
        Head rows have more past events than this quantile, in [0, 1], of the rows of X.
        MELT [2]_ takes .8 (Amazon) or .5.

    Returns
    -------
    groups : dict of str to ndarray of shape (n_rows,), dtype bool
        ``"head"``, and ``"tail"`` for all other rows.

    Raises
    ------
    ValueError
        If not exactly one of ``threshold`` and ``quantile`` is given, or X is a frame or an array,
        or has no rows.

    Notes
    -----
    MELT takes the quantile over the training lengths of all users, including those without a test
    row. To get exactly its groups, pass ``threshold``. With ``n_train`` events per user and two
    held out, it is ``floor(quantile(n_train)) + 2`` on the test rows, because their pasts also hold
    the validation event.

    Stability: provisional.

    References
    ----------
    .. [1] Q. Liu et al., "LLMEmb: large language model can be a good embedding generator
       for sequential recommendation", AAAI 2025.
    .. [2] K. Kim et al., "MELT: mutual enhancement of long-tailed user and item for
       sequential recommendation", SIGIR 2023.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.metrics import user_groups
    >>> from skace.model_selection import leave_last_out
    >>> X = Interactions.from_sequences([["pen", "ink", "nib", "cap"], ["pen", "ink"]])
    >>> user_groups(leave_last_out(X)[1], threshold=3)["tail"]
    array([False,  True])
    """
    _check_one_rule(threshold=threshold, quantile=quantile)
    if threshold is None and quantile is None:
        raise ValueError("give threshold, the past events that make a head row, or quantile.")
    rows: Interactions = rows_to_predict(X)
    if len(rows) == 0:
        raise ValueError("X has no rows; there is nothing to group.")
    lengths = rows._ends - rows._starts
    is_head = _is_large(lengths, lengths, threshold, quantile)
    return {"head": is_head, "tail": ~is_head}


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


def _check_one_rule(**rules: Any) -> None:
    """Raise if more than one rule tells where head begins."""
    given = [f"{name}={value}" for name, value in rules.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} each tell where head begins; give one of them.")


def _most_counted(counts: IntArray, share: float) -> BoolArray:
    """Mask of the most counted items, ties in item order."""
    # 0.29 * 100 is 28.999...: the small term undoes the rounding of the product.
    n_head = max(1, int(np.floor(share * counts.size + 1e-9)))
    is_head = np.zeros(counts.size, dtype=bool)
    is_head[np.argsort(-counts, kind="stable")[:n_head]] = True
    return is_head


def _is_large(
    values: IntArray, population: IntArray, threshold: int | None, quantile: Any
) -> BoolArray:
    """Mask of values from ``threshold`` on, or above a quantile of a population."""
    if threshold is not None:
        return np.asarray(values >= threshold)
    if population.size == 0:
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(values > np.quantile(population.astype(np.float64), quantile))
