"""Item weights one item at a time, from its strongest neighbours: no n x n matrix."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp
from scipy import linalg

from skace.recommenders.linear._closed_form import row_slices

__all__ = ["keep_strongest", "solve_locally"]

_BLOCK_BYTES = 64 * 2**20  # of candidates that are looked through at once


def solve_locally(gram, ridge, n_neighbors, *, cross=None, prior=None, bound=None):
    """Sparse weights: for each item a ridge regression on its strongest candidates alone.

    Solves the problem of `skace.recommenders.linear._closed_form.solve` under the further
    condition that a column has at most ``n_neighbors`` entries besides its diagonal. With
    all items as candidates the two agree.

    Parameters
    ----------
    gram : sparse array of shape (n, n)
        X^T X.
    ridge : ndarray of shape (n,)
        Added to its diagonal.
    n_neighbors : int
        Most entries of a column. Candidates are taken by what each would explain alone.
    cross : sparse array of shape (n, n) or None, default=None
        X^T Y; None: the targets are the inputs.
    prior : FeaturePrior or None, default=None
        Pull of the features; ``ridge`` holds its strength.
    bound : Bound or None, default=None
        What is asked of the diagonal.

    Returns
    -------
    weights : scipy.sparse.csr_array of shape (n, n)
        Item weights, float64.
    """
    gram = sp.csr_array(gram)
    targets = sp.csc_array(gram if cross is None else cross)
    total = gram.diagonal() + ridge
    if (total <= 0).any():
        raise ValueError(
            "the regularised Gram matrix of the items has a diagonal entry that is not positive; "
            "raise the regularization."
        )
    parts = []
    step = max(1, _BLOCK_BYTES // (8 * gram.shape[0]))
    for begin in range(0, gram.shape[0], step):
        items = np.arange(begin, min(begin + step, gram.shape[0]))
        wanted = targets[:, items].toarray(order="F")  # (n, block) right-hand sides
        if prior is not None:
            wanted += prior.columns(items)
        for item, column in zip(items, wanted.T, strict=True):
            places = _candidates(column, total, item, n_neighbors)
            parts.append((item, *_solve_column(gram, ridge, places, column, item, bound)))
    return _assemble(parts, gram.shape[0])


def _candidates(column, total, item, n_neighbors):
    """Items that alone would explain most of a column, the item itself left out; sorted."""
    if n_neighbors >= column.size - 1:  # those that explain nothing alone may help others
        return np.delete(np.arange(column.size), item)
    gain = column**2 / total
    gain[item] = 0
    places = np.flatnonzero(gain)
    if places.size > n_neighbors:
        places = places[np.argpartition(-gain[places], n_neighbors)[:n_neighbors]]
    return np.sort(places)


def _solve_column(gram, ridge, places, column, item, bound):
    """Rows and values of the column of an item."""
    both = np.append(places, item)
    matrix = _part(gram, ridge, both)
    if bound is None or not bound.is_equality:
        values = _cho_solve(matrix, column[both])
        if bound is None or values[-1] <= bound.value:
            return both, values
    # The bound holds the diagonal, and the others explain what is left.
    rest = column[places] - bound.value * matrix[:-1, -1]
    return both, np.append(_cho_solve(matrix[:-1, :-1], rest), bound.value)


def _part(gram, ridge, places):
    """Regularised Gram matrix of some items, dense."""
    matrix = gram[places][:, places].toarray()
    matrix[np.diag_indices_from(matrix)] += ridge[places]
    return matrix


def _cho_solve(matrix, wanted):
    """Solution of a symmetric positive definite system."""
    if wanted.size == 0:
        return wanted
    try:
        return linalg.cho_solve(linalg.cho_factor(matrix, lower=True), wanted)
    except linalg.LinAlgError as error:
        raise ValueError(
            "the regularised Gram matrix of an item's neighbours is not positive definite; raise "
            "the regularization."
        ) from error


def _assemble(parts, n_items):
    """Sparse matrix of (item, rows, values), one per column."""
    rows = np.concatenate([rows for _, rows, _ in parts])
    columns = np.repeat([item for item, _, _ in parts], [rows.size for _, rows, _ in parts])
    values = np.concatenate([values for *_, values in parts])
    weights = sp.csr_array((values, (rows, columns)), shape=(n_items, n_items))
    weights.eliminate_zeros()
    return weights


def keep_strongest(weights, n_neighbors):
    """Entries of largest magnitude of each row, as a CSR array.

    Parameters
    ----------
    weights : ndarray of shape (n, n)
        Item weights; row i is what a history item i adds to the scores.
    n_neighbors : int
        Entries that each row keeps.

    Returns
    -------
    kept : scipy.sparse.csr_array of shape (n, n)
        Rows in the order of their columns.
    """
    n_items = weights.shape[1]
    n_kept = min(n_neighbors, n_items)
    indices = np.empty((len(weights), n_kept), dtype=np.int32)
    for rows in row_slices(weights):
        size = np.abs(weights[rows])
        indices[rows] = np.argpartition(-size, n_kept - 1, axis=1)[:, :n_kept]
    indices.sort(axis=1)
    values = np.take_along_axis(weights, indices, axis=1)
    offsets = np.arange(len(weights) + 1) * n_kept
    kept = sp.csr_array((values.ravel(), indices.ravel(), offsets), shape=weights.shape)
    kept.eliminate_zeros()
    return kept
