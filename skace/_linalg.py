"""Spectra and shrinkage of second moments."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from skace._row_moments import RowMoments
from skace._typing import Float64Array, FloatArray

__all__ = [
    "fix_signs",
    "ledoit_wolf_intensity",
    "numerical_rank",
    "right_singular_pairs",
    "singular_values",
]


def right_singular_pairs(
    moments: RowMoments, center: bool, n_vectors: int | None = None
) -> tuple[Float64Array, Float64Array]:
    """Singular values, largest first, and right singular vectors.

    Parameters
    ----------
    moments : RowMoments
        Sums with rows: a thin SVD, exact to the last digits of small singular values.
        Sums with a Gram matrix: its eigenvectors; singular values below about 1e-8 times
        the largest one are noise.

    center : bool
        Of the rows minus their mean, or of the rows as they are.

    n_vectors : int or None, default=None
        How many vectors suffice; None for all. With a Gram matrix, few cost half of it.

    Returns
    -------
    values : ndarray of shape (r,)
        Non-negative, in descending order; r is d, or min(n, d) if there are rows.

    vectors : ndarray of shape (r or n_vectors, d)
        One unit vector per row, with the signs of `fix_signs`; those of the largest values.
    """
    if moments.keeps_rows:
        _, values, vectors = linalg.svd(
            moments.weighted_rows(center), full_matrices=False, check_finite=False, overwrite_a=True
        )
        return values, fix_signs(vectors)
    if n_vectors is None:
        # "evr" needs no work space of d x d beside the matrix and the vectors.
        squares, columns = linalg.eigh(
            moments.second_moment(center), lower=True, overwrite_a=True, check_finite=False,
            driver="evr",
        )  # fmt: skip
    else:
        squares, columns = _largest_eigenpairs(moments.second_moment(center), n_vectors)
    values = np.sqrt(np.clip(squares[::-1], 0.0, None))
    return values, fix_signs(columns.T[::-1])


def _largest_eigenpairs(matrix: Float64Array, n_vectors: int) -> tuple[Float64Array, Float64Array]:
    """All eigenvalues, ascending, and the vectors of the largest ones as columns, (d, n_vectors).

    ``matrix`` holds the lower triangle and is overwritten. What costs most, the way to a
    tridiagonal matrix, is gone once for both; `scipy.linalg.eigh` would go it twice.
    """
    d = len(matrix)
    reduced, diagonal, beside, scales, _ = lapack.dsytrd(
        matrix, lower=1, lwork=64 * d, overwrite_a=1
    )
    squares = np.asarray(
        linalg.eigvalsh_tridiagonal(diagonal, beside, lapack_driver="sterf"), dtype=np.float64
    )
    _, columns = linalg.eigh_tridiagonal(
        diagonal, beside, select="i", select_range=(d - n_vectors, d - 1), lapack_driver="stemr"
    )
    # The reflectors of the reduction stand below its diagonal and leave the first row alone.
    # From the second number on, the matrix reads as itself less its first row; a slice would be
    # copied on the way to LAPACK.
    below = reduced.ravel(order="F")[1 : 1 + d * (d - 1)].reshape(d, d - 1, order="F")
    columns[1:], _, _ = lapack.dormqr("L", "N", below, scales, columns[1:], lwork=64 * n_vectors)
    return squares, np.asarray(columns, dtype=np.float64)


def singular_values(moments: RowMoments, center: bool) -> Float64Array:
    """Singular values alone, largest first: see `right_singular_pairs`."""
    if moments.keeps_rows:
        return np.asarray(linalg.svdvals(moments.weighted_rows(center), overwrite_a=True))
    squares = linalg.eigvalsh(moments.second_moment(center), lower=True, overwrite_a=True)
    return np.sqrt(np.clip(squares[::-1], 0.0, None))


def fix_signs(vectors: Float64Array) -> Float64Array:
    """Rows with the entry of largest magnitude positive, whatever solver made them.

    The sign is decided on the side of the right singular vectors, because every solver
    has them and they do not depend on the order of the items.
    """
    peaks = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    return np.where(peaks < 0, -1.0, 1.0)[:, None] * vectors


def numerical_rank(values: FloatArray, n_features: int, rounding: float = 0.0) -> int:
    """Number of singular values that are more than rounding of a Gram matrix.

    One threshold, ``sqrt(n_features * eps)`` times the largest value with the eps of
    float64, serves all solvers, so that they agree on the rank. A larger ``rounding`` of the
    eigenvalues raises it.
    """
    if values.size == 0:
        return 0
    threshold = values[0] * np.sqrt(n_features * np.finfo(np.float64).eps)
    threshold = max(threshold, np.sqrt(rounding))
    return int(np.count_nonzero(values > max(threshold, np.finfo(np.float64).tiny)))


def ledoit_wolf_intensity(moments: RowMoments, values: FloatArray, center: bool) -> float:
    """Optimal weight of a multiple of the identity in the second moment matrix.

    Parameters
    ----------
    moments : RowMoments
        Sums over the rows.

    values : ndarray of shape (r,)
        All singular values of the same rows.

    center : bool
        Shrink the covariance, or the second moment about 0.

    Returns
    -------
    intensity : float
        In [0, 1].

    Notes
    -----
    With M the mean of x x^T and m = tr(M) / d, the estimate ``(1 - t) M + t m I`` has the
    smallest expected squared error for ``t = min(b, a) / a``, where a = |M - m I|^2 and
    b = (mean |x|^4 - |M|^2) / n; time O(d^2) given the sums.

    References
    ----------
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance
    matrices, lemma 3.2 and section 3.
    """
    n = moments.used_weight
    squares = np.asarray(values, dtype=np.float64) ** 2 / n
    norm = float(np.sum(squares**2))  # |M|^2
    distance = norm - float(squares.sum()) ** 2 / moments.n_features
    if distance <= norm * 1e-14:
        return 1.0
    error = (_fourth_moment(moments, center) / n - norm) / n
    return float(np.clip(error / distance, 0.0, 1.0))


def _fourth_moment(moments: RowMoments, center: bool) -> float:
    """Sum of w |x - p|^4, where p is the mean or 0."""
    # With e = p - shift: |y - e|^4 = (|y|^2 - 2 y.e + |e|^2)^2, summed term by term.
    e = moments.drift if center else -moments.shift
    length = float(e @ e)
    return (
        moments.quartic
        + 4.0 * moments.quadratic_form(e)
        + moments.used_weight * length**2
        - 4.0 * float(moments.cubic @ e)
        + 2.0 * length * moments.square
        - 4.0 * length * float(moments.first @ e)
    )
