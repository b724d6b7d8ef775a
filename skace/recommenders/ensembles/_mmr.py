"""Maximal marginal relevance: the best items first, but not too many that are alike."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from skace._topk import top_k

__all__ = ["mmr_order", "reorder_best", "strongest_directions", "unit_rows"]

_BLOCK_BYTES = 16 * 2**20  # of vectors and similarities that are held at once
_MAX_DIMS = 64  # of the vectors that are compared, a hundred times a hundred for each row
_PATIENCE = 0.8  # with which somebody looks at the next place (Moffat and Zobel 2008)
_SIGN = np.uint32(2**31)
_STEP = 1e-6  # values of the trade-off that are closer than this are equal, whatever the block


def unit_rows(vectors, directions=None):
    """Rows along some directions, or all, divided by their lengths, float32; zeros stay."""
    vectors = vectors.astype(np.float64) if directions is None else vectors @ directions
    vectors = vectors.toarray() if sp.issparse(vectors) else vectors
    return normalize(vectors).astype(np.float32)


def strongest_directions(vectors):
    """Directions in which unit rows are longest, (n_dims, at most 64); None if all are kept.

    Parameters
    ----------
    vectors : ndarray or sparse array of shape (n_items, n_dims)
        Of any length.
    """
    if vectors.shape[1] <= _MAX_DIMS:
        return None
    n_dims = min(_MAX_DIMS, vectors.shape[0])
    rows = normalize(vectors.astype(np.float64))
    return randomized_svd(rows, n_dims, random_state=0)[2].T


def reorder_best(scores, vectors, *, n_candidates, n_best, trade_off):
    """Let the scores of the best items fall in the order of `mmr_order`, in place.

    The items keep their scores as a set: the first in the new order has the largest. Where
    equal ones would not tell the order, they are moved up by the least that a float can.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns), float32
        ``-inf`` marks items that may not be recommended.
    vectors : ndarray of shape (n_columns, n_dims), float32
        Of length 1, or 0 where there is none.
    n_candidates : int
        As many of the best of each row are ordered.
    n_best : int or None
        As many places of the order are looked at; None: all.
    trade_off : float
        As in `mmr_order`.
    """
    n_candidates = min(n_candidates, scores.shape[1])
    depth = n_candidates if n_best is None else min(n_best, n_candidates)
    row_bytes = 4 * n_candidates * (vectors.shape[1] + n_candidates)
    step = max(1, _BLOCK_BYTES // row_bytes)
    for first in range(0, len(scores), step):
        part = scores[first : first + step]
        pool = top_k(part, n_candidates)
        values = np.take_along_axis(part, pool, axis=1)
        order = mmr_order(values, vectors[pool], trade_off=trade_off, depth=depth)
        pool = np.take_along_axis(pool, order, axis=1)
        np.put_along_axis(part, pool, _strictly_falling(values), axis=1)


def mmr_order(values, vectors, *, trade_off, depth):
    """Places of a pool in the order of maximal marginal relevance.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_pool), float32
        Scores, best first; ``-inf`` comes last in the order as well.
    vectors : ndarray of shape (n_rows, n_pool, n_dims), float32
        Of length 1 or 0.
    trade_off : float
        Weight of the place that the scores give; the largest cosine with an item that
        stands before has the rest of the weight.
    depth : int
        Places that are filled in this way; the others follow in the given order.

    Returns
    -------
    order : ndarray of shape (n_rows, n_pool), int64
        Places in the pool.
    """
    n_rows, n_pool = values.shape
    every_row = np.arange(n_rows)
    relevance = np.where(values > -np.inf, trade_off * _relevance(values), -np.inf)
    relevance = relevance.astype(np.float32)
    alike = np.matmul(vectors, vectors.transpose(0, 2, 1))
    closest = np.zeros((n_rows, n_pool), dtype=np.float32)
    order = np.empty((n_rows, n_pool), dtype=np.int64)
    is_taken = np.zeros((n_rows, n_pool), dtype=bool)
    for place in range(depth):
        marginal = np.rint((relevance - (1 - trade_off) * closest) * (1 / _STEP))
        chosen = marginal.argmax(axis=1)
        is_over = marginal[every_row, chosen] == -np.inf  # only what may not be shown is left
        chosen[is_over] = np.argmin(is_taken[is_over], axis=1)
        order[:, place] = chosen
        is_taken[every_row, chosen] = True
        relevance[every_row, chosen] = -np.inf
        near = alike[every_row, chosen]
        closest = near if place == 0 else np.maximum(closest, near)
    rest = np.argsort(is_taken, axis=1, kind="stable")[:, : n_pool - depth]
    order[:, depth:] = rest
    return order


def _relevance(values):
    """How likely somebody who goes down the list gets to each item; equal scores are equal."""
    is_lower = np.zeros(values.shape, dtype=bool)
    is_lower[:, 1:] = values[:, 1:] < values[:, :-1]
    places = np.maximum.accumulate(np.where(is_lower, np.arange(values.shape[1]), 0), axis=1)
    return np.power(np.float32(_PATIENCE), places, dtype=np.float32)


def _strictly_falling(values):
    """Values that fall in each row, with equal ones moved up by as little as can be.

    The last one moves up as well, past equal ones outside of the pool. ``-inf`` stays.
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    sizes = (bits & ~_SIGN).astype(np.int64)
    keys = np.where(bits & _SIGN, -sizes, sizes)[:, ::-1]  # neighbours differ by 1
    steps = np.arange(1, keys.shape[1] + 1)
    keys = (np.maximum.accumulate(keys + 1 - steps, axis=1) + steps)[:, ::-1]
    bits = np.abs(keys).astype(np.uint32) | np.where(keys < 0, _SIGN, np.uint32(0))
    return np.where(values == -np.inf, -np.inf, bits.view(np.float32)).astype(np.float32)
