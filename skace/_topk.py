"""Ranks and best items of blocks of scores."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._typing import FloatArray, IntArray

__all__ = ["ranks_of_targets", "top_k"]


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
        where the target is absent or its score is ``-inf``.
    """
    rows = np.arange(targets.size)
    own = scores[rows, np.maximum(targets, 0)][:, None]
    better = np.count_nonzero(scores > own, axis=1)
    equal = np.count_nonzero(scores == own, axis=1) - 1
    ranks: FloatArray = better + 0.5 * equal
    ranks[(targets < 0) | np.isneginf(own[:, 0])] = np.inf
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
        Column numbers.
    """
    if k < scores.shape[1]:
        # The k-th largest value decides who is in; argpartition alone would cut ties anyhow.
        threshold = np.partition(scores, scores.shape[1] - k, axis=1)[:, [scores.shape[1] - k]]
        is_better = scores > threshold
        is_tied = scores == threshold
        room = k - np.count_nonzero(is_better, axis=1)[:, None]
        is_in = is_better | (is_tied & (np.cumsum(is_tied, axis=1, dtype=np.int32) <= room))
        columns = np.nonzero(is_in)[1].reshape(scores.shape[0], k)
    else:
        columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    kept = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-kept, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)
