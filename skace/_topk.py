"""Ranks and best items of blocks of scores."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._typing import FloatArray, IntArray

__all__ = ["ranks_of_targets", "top_k"]

_PARTS = 8  # of the columns, for each of the k best, whose maxima are looked at first


def ranks_of_targets(scores: FloatArray, targets: IntArray) -> FloatArray:
    """Rank of each row's target among all columns.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_items)
        Higher is better; ``-inf`` marks items that may not be recommended.
    targets : ndarray of shape (n_rows,), dtype int64
        Column of the target, -1 where there is none.

    Returns
    -------
    ranks : ndarray of shape (n_rows,), dtype float64
        Number of strictly better items plus half of the equal others, from 0; ``inf``
        where the target is absent or its score is ``-inf`` or NaN. NaN is better than nothing.
    """
    own = scores[np.arange(targets.size), np.maximum(targets, 0)]
    ranks = np.full(targets.size, np.inf)
    # Row by row: a row stays in the caches, and numpy counts a whole array fastest.
    for row in np.flatnonzero((targets >= 0) & (own > -np.inf)):
        better = np.count_nonzero(scores[row] > own[row])
        equal = np.count_nonzero(scores[row] == own[row]) - 1
        ranks[row] = better + 0.5 * equal
    return ranks


def top_k(scores: FloatArray, k: int) -> IntArray:
    """Columns of the k best scores of each row, best first, ties in column order.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_items)
        Higher is better.
    k : int
        At most n_items.

    Returns
    -------
    columns : ndarray of shape (n_rows, k), dtype int64
        Column numbers. NaN comes last, like ``-inf``.
    """
    if scores.size and np.isnan(scores.max()):
        scores = np.where(np.isnan(scores), -np.inf, scores)
    columns = np.empty((len(scores), k), dtype=np.int64)
    for row, (values, floor) in enumerate(zip(scores, _floors(scores, k), strict=True)):
        among = np.flatnonzero(values >= floor)
        columns[row] = among[_first_of(values[among], k)]
    return columns


def _floors(scores: FloatArray, k: int) -> FloatArray:
    """A value for each row that at least k of its scores reach, and few more."""
    n_rows, n_columns = scores.shape
    n_parts = min(_PARTS * k, n_columns)
    length = n_columns // n_parts
    whole = scores[:, : n_parts * length].reshape(n_rows, length, n_parts)
    # The k parts with the largest maxima hold a score each that is no smaller.
    best: FloatArray = np.partition(whole.max(axis=1), n_parts - k, axis=1)[:, n_parts - k]
    return best


def _first_of(values: FloatArray, k: int) -> IntArray:
    """Places of the k largest values, largest first, ties in order."""
    if values.size > 2 * k:  # many ties, or few parts
        threshold = np.partition(values, values.size - k)[values.size - k]
        above = np.flatnonzero(values > threshold)
        tied = np.flatnonzero(values == threshold)[: k - above.size]
        places = np.sort(np.concatenate([above, tied]))
        return places[np.argsort(-values[places], kind="stable")]
    return np.argsort(-values, kind="stable")[:k]
