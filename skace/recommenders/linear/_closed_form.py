"""Ridge regressions of items on items with a bounded diagonal, solved by one inverse.

All models here minimise, over item weights B of shape (n_items, n_items),

    ||Y - X B||^2 + ridge . diag(B B^T) + strength ||B - C||^2,   diag(B) = or <= bound,

with inputs X, targets Y and a prior C. With P = (X^T X + ridge + strength)^-1 the solution is
B = P (X^T Y + strength C) - P diag(mu), where mu is what the diagonal has too much, divided by
the diagonal of P. EASE, EDLAE, RLAE, RDLAE, L3AE and SLIST differ in X, Y, ridge, C and bound.
"""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

__all__ = ["Bound", "Inverse", "invert", "row_slices", "solve"]

_BLOCK_BYTES = 32 * 2**20  # of rows that are worked on at once
_MIN_BLOCK_ROWS = 64
_SPARSE = 50  # entries per nonzero one, above which a sparse product is the faster one


@dataclass(frozen=True, slots=True)
class Bound:
    """What is asked of the diagonal of the weights: to equal ``value``, or not to exceed it."""

    value: float
    is_equality: bool

    def excess(self, diagonal):
        """By how much each entry of the diagonal has to come down."""
        excess = diagonal - self.value
        return excess if self.is_equality else np.maximum(excess, 0)

    def is_active(self, diagonal):
        """Which entries end up at ``value``."""
        return self.is_equality | (diagonal > self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Inverse:
    """Inverse of a regularised Gram matrix, symmetric, in both triangles."""

    matrix: np.ndarray  # (n, n), C order

    @property
    def n_bytes(self):
        """Memory of the matrix."""
        return self.matrix.nbytes


def row_slices(matrix):
    """Slices of rows, small beside the matrix, so that work on them hardly adds to its memory."""
    step = min(_BLOCK_BYTES // max(1, matrix.shape[1] * matrix.dtype.itemsize), len(matrix) // 64)
    step = max(step, _MIN_BLOCK_ROWS)
    for begin in range(0, matrix.shape[0], step):
        yield slice(begin, min(begin + step, matrix.shape[0]))


def invert(gram, ridge, dtype):
    """Inverse of ``gram + diag(ridge)`` by Cholesky factors, in the memory of one matrix.

    Parameters
    ----------
    gram : sparse array or ndarray of shape (n, n)
        Symmetric. A dense one, of type ``dtype`` and in C order, is overwritten.
    ridge : ndarray of shape (n,)
        Added to the diagonal; may be negative as long as the sum is positive definite.
    dtype : {"float32", "float64"}
        Precision.

    Returns
    -------
    inverse : Inverse
        Of the sum.

    Raises
    ------
    ValueError
        If the sum is not positive definite.
    """
    matrix = _as_dense(gram, dtype) if sp.issparse(gram) else gram
    diagonal = np.arange(matrix.shape[0])
    matrix[diagonal, diagonal] += ridge.astype(dtype)
    # LAPACK works on columns: the lower triangle of the transposed view is our upper one.
    potrf, potri = {
        "float32": (lapack.spotrf, lapack.spotri),
        "float64": (lapack.dpotrf, lapack.dpotri),
    }[dtype]
    factor, info = potrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if info == 0:
        found, info = potri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise ValueError(
            "the regularised Gram matrix of the items is not positive definite (smallest value "
            f"added to its diagonal: {ridge.min():g}); raise the regularization"
            + ("." if dtype == "float64" else ", or set dtype='float64'.")
        )
    matrix = found.T
    _mirror_upper(matrix)
    return Inverse(matrix)


def _as_dense(gram, dtype):
    """Dense copy, by blocks: a sparse copy in another precision may be as large."""
    matrix = np.empty(gram.shape, dtype=dtype)
    for rows in row_slices(matrix):
        matrix[rows] = gram[rows].toarray()
    return matrix


def _mirror_upper(matrix):
    """Copy the upper triangle into the lower one, in place, block by block."""
    for rows in row_slices(matrix):
        matrix[rows.stop :, rows] = matrix[rows, rows.stop :].T
        square = matrix[rows, rows]
        below = np.tril_indices(square.shape[0], -1)
        square[below] = square.T[below]


def solve(inverse, ridge, *, cross=None, prior=None, bound=None):
    """Weights B of shape (n, n).

    Parameters
    ----------
    inverse : ndarray of shape (n, n)
        P, the inverse of the regularised Gram matrix of the inputs.
    ridge : ndarray of shape (n,)
        What was added to the diagonal of the Gram matrix before it was inverted.
    cross : sparse array or ndarray of shape (n, n) or None, default=None
        X^T Y. A dense one becomes the weights. None: the targets are the inputs, so that
        P X^T Y = I - P diag(ridge).
    prior : object or None, default=None
        ``add_to(weights, inverse)`` adds strength P C in place.
    bound : Bound or None, default=None
        What is asked of the diagonal of B.

    Returns
    -------
    weights : ndarray of shape (n, n)
        In C order; takes as much memory as ``inverse``, which is left alone.
    """
    weights = _ridge_weights(inverse, ridge) if cross is None else _product(inverse, cross)
    if prior is not None:
        prior.add_to(weights, inverse)
    if bound is not None:
        _apply(bound, weights, inverse)
    return weights


def _ridge_weights(inverse, ridge):
    """I - P diag(ridge)."""
    weights = np.empty_like(inverse)
    scale = ridge.astype(inverse.dtype)
    for rows in row_slices(inverse):
        np.multiply(inverse[rows], -scale, out=weights[rows])
    places = np.arange(len(weights))
    weights[places, places] += 1
    return weights


def _product(inverse, cross):
    """P X^T Y, in the place of a dense X^T Y."""
    if not sp.issparse(cross):
        for columns in row_slices(cross):  # of a square matrix
            block = cross[:, columns].T
            if np.count_nonzero(block) * _SPARSE < block.size:
                block = sp.csr_array(block)
            cross[:, columns] = (block @ inverse).T  # the inverse is symmetric
        return cross
    weights = np.empty_like(inverse)
    for rows in row_slices(inverse):
        weights[rows] = inverse[rows] @ cross
    return weights


def _apply(bound, weights, inverse):
    """Bring the diagonal of the weights to its bound, in place."""
    places = np.arange(len(weights))
    diagonal = weights[places, places]
    multiplier = bound.excess(diagonal) / inverse[places, places]
    for rows in row_slices(weights):
        weights[rows] -= inverse[rows] * multiplier
    # Exactly: rounding must not leave an item that recommends itself.
    is_active = bound.is_active(diagonal)
    weights[places[is_active], places[is_active]] = bound.value
