"""Row sums, spectra and projections of tall matrices, read in blocks of rows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.linalg import blas, lapack

from skace._typing import FloatArray

__all__ = [
    "RowMoments",
    "accumulate_moments",
    "check_finite_rows",
    "fix_signs",
    "ledoit_wolf_intensity",
    "numerical_rank",
    "project_rows",
    "read_rows",
    "right_singular_pairs",
    "row_blocks",
    "singular_values",
]

Float64Array: TypeAlias = npt.NDArray[np.float64]

_BLOCK_BYTES = 32 * 2**20  # of float64 rows in memory at a time, whatever the matrix weighs
_SINGLE_EPS = float(np.finfo(np.float32).eps)
_SAFE_SQUARES = (1e-280, 1e280)  # squared lengths outside have lost digits or overflowed


@dataclass(slots=True, eq=False)
class RowMoments:
    """Weighted sums over the rows of a matrix, taken about ``shift``.

    With ``skips_zeros`` a row without a single non-zero entry counts in ``n_rows``,
    ``n_zero`` and ``weight`` and nowhere else, which is the same as giving it the mean of
    the others: a zero vector says nothing on an item.

    Sums about a point near the mean keep their digits where the rows share a large
    common direction, as vectors of language models do: both the centred and the plain
    second moment follow without a difference of large numbers.

    The second moments are in ``gram``, or with ``keeps_rows`` in ``rows``; the other is empty.
    With ``is_single`` the products within a block of rows are formed in float32 and summed over
    the blocks in float64: half the time, and `rounding` says what it costs.
    """

    normalized: bool  # rows were divided by their length first
    skips_zeros: bool
    keeps_rows: bool
    n_rows: int
    n_zero: int
    weight: float  # of all rows
    used_weight: float  # of the rows that are not skipped
    shift: Float64Array  # (d,)
    first: Float64Array  # (d,) sum of w y, where y = x - shift
    square: float  # sum of w |y|^2
    cubic: Float64Array  # (d,) sum of w |y|^2 y
    quartic: float  # sum of w |y|^4
    unit_sum: Float64Array  # (d,) sum of w x / |x|
    gram: Float64Array  # (d, d) sum of w y y^T, lower triangle only
    rows: Float64Array  # (n, d) sqrt(w) y
    roots: Float64Array  # (n,) sqrt(w), 0 for skipped rows
    is_single: bool = False

    @classmethod
    def empty(
        cls,
        n_rows: int,
        n_features: int,
        *,
        normalize: bool,
        skip_zeros: bool,
        keep_rows: bool,
        single: bool = False,
    ) -> Self:
        """Sums over no rows yet, with room for ``n_rows`` if they are to be kept."""
        d = n_features
        n_kept, n_gram = (n_rows, 0) if keep_rows else (0, d)
        return cls(
            normalized=normalize,
            skips_zeros=skip_zeros,
            keeps_rows=keep_rows,
            n_rows=0,
            n_zero=0,
            weight=0.0,
            used_weight=0.0,
            shift=np.zeros(d),
            first=np.zeros(d),
            square=0.0,
            cubic=np.zeros(d),
            quartic=0.0,
            unit_sum=np.zeros(d),
            gram=np.zeros((n_gram, n_gram), order="F"),
            rows=np.empty((n_kept, d)),
            roots=np.empty(n_kept),
            is_single=single,
        )

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.shift.size)

    @property
    def mean(self) -> Float64Array:
        """Mean of the rows that are not skipped, shape (d,)."""
        return self.shift + self.drift

    @property
    def drift(self) -> Float64Array:
        """The mean minus ``shift``, shape (d,)."""
        return self.first / (self.used_weight or 1.0)

    @property
    def rounding(self) -> float:
        """About the largest error of an eigenvalue of the Gram matrix, by products in float32.

        Entry (i, j) is off by about ``eps sqrt(g_ii g_jj)``, and a matrix of such independent
        errors has a norm of about ``eps sqrt(max(g_ii) trace)``. Infinite where float32 cannot
        hold the products.
        """
        if not self.is_single:
            return 0.0
        diagonal = np.diag(self.gram)
        trace = float(diagonal.sum())
        # NaN, infinity and products that fell to 0 fail the comparison.
        if not abs(trace - self.square) <= 1e-4 * self.square:
            return np.inf
        return _SINGLE_EPS * float(np.sqrt(diagonal.max() * trace))

    def trace(self, center: bool) -> float:
        """Sum of squared lengths of the rows, about their mean or about 0."""
        if center:
            return max(0.0, self.square - float(self.first @ self.drift))
        point = 2.0 * self.first + self.used_weight * self.shift
        return max(0.0, self.square + float(self.shift @ point))

    def second_moment(self, center: bool) -> Float64Array:
        """Sum of w x x^T about the mean or about 0: a new array, lower triangle only."""
        gram = np.array(self.condensed().gram, order="F")
        # About the mean it is gram - first first^T / W; about 0, with c = shift and
        # a = first + W c / 2, it is gram + a c^T + c a^T.
        if center:
            return _add_outer(gram, -self.drift, self.first)
        point = self.first + 0.5 * self.used_weight * self.shift
        return _add_outer(gram, 2.0 * point, self.shift)

    def weighted_rows(self, center: bool) -> Float64Array:
        """Rows times the root of their weight, about their mean or about 0: a new array."""
        point = -self.drift if center else self.shift
        return self.rows + np.multiply.outer(self.roots, point)

    def condensed(self) -> Self:
        """The same sums with a Gram matrix instead of rows."""
        if not self.keeps_rows:
            return self
        gram = _add_gram(np.zeros((self.n_features, self.n_features), order="F"), self.rows)
        none = np.empty(0)
        return replace(self, keeps_rows=False, gram=gram, rows=none[:, None], roots=none)

    def quadratic_form(self, vector: FloatArray) -> float:
        """Value of v^T (sum w y y^T) v."""
        if self.keeps_rows:
            return float(np.sum((self.rows @ vector) ** 2))
        return float(vector @ blas.dsymv(1.0, self.gram, vector, lower=1))

    def state(self) -> dict[str, Any]:
        """Fields by name, to be stored; ``RowMoments(**state)`` is the way back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def add(self, block: Float64Array, lengths: Float64Array, weights: FloatArray | None) -> None:
        """Add rows; ``block`` is overwritten."""
        own = np.ones(len(block)) if weights is None else weights.astype(np.float64)
        used = own * (lengths > 0) if self.skips_zeros else own
        if self.used_weight == 0 and used.any():
            self.shift = _weighted_sum(block, used) / used.sum()
        place = slice(self.n_rows, self.n_rows + len(block))
        self.n_rows = place.stop
        self.n_zero += int(np.count_nonzero(lengths == 0))
        self.weight += float(own.sum())
        self.used_weight += float(used.sum())
        scale = used if self.normalized else used / np.where(lengths > 0, lengths, 1.0)
        self.unit_sum = self.unit_sum + _weighted_sum(block, scale)
        block -= self.shift
        self._add_powers(block, used)
        roots = np.sqrt(used)
        block *= roots[:, None]
        if self.keeps_rows:
            self.rows[place] = block
            self.roots[place] = roots
        else:
            add_gram = _add_single_gram if self.is_single else _add_gram
            self.gram = add_gram(self.gram, block)

    def _add_powers(self, block: Float64Array, weights: Float64Array) -> None:
        """Add the powers of shifted rows."""
        squares = np.einsum("ij,ij->i", block, block)
        self.first = self.first + _weighted_sum(block, weights)
        self.square += float(weights @ squares)
        self.cubic = self.cubic + _weighted_sum(block, weights * squares)
        self.quartic += float(weights @ squares**2)


def _weighted_sum(block: Float64Array, weights: Float64Array) -> Float64Array:
    """Weighted sum of rows, shape (d,)."""
    # Not by numpy's BLAS, whose threads would wait in a loop beside those of scipy's.
    return np.asarray(np.einsum("i,ij->j", weights, block))


def _add_outer(gram: Float64Array, x: Float64Array, y: Float64Array) -> Float64Array:
    """Lower triangle of ``gram + (x y^T + y x^T) / 2``, in place."""
    return np.asarray(blas.dsyr2(0.5, x, y, lower=1, a=gram, overwrite_a=1))


def _add_gram(gram: Float64Array, block: Float64Array) -> Float64Array:
    """Lower triangle of ``gram + block^T block``, in place: half the work of a product."""
    columns = np.ascontiguousarray(block).T  # (d, b) in Fortran order, as BLAS wants it
    return np.asarray(blas.dsyrk(1.0, columns, beta=1.0, c=gram, lower=1, overwrite_c=1))


def _add_single_gram(gram: Float64Array, block: Float64Array) -> Float64Array:
    """The same with the product in float32."""
    gram += blas.ssyrk(1.0, block.astype(np.float32, order="C").T, lower=1)
    return gram


def row_blocks(n_rows: int, n_columns: int, block_bytes: int | None = None) -> Iterator[slice]:
    """Slices over all rows such that a block of float64 takes about ``block_bytes``."""
    wanted = (_BLOCK_BYTES if block_bytes is None else block_bytes) // (8 * max(1, n_columns))
    step = max(1, wanted)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def check_finite_rows(block: FloatArray, first_row: int = 0, name: str = "X") -> None:
    """Raise a ValueError that names the first row of ``block`` with NaN or infinity."""
    is_finite = np.isfinite(block).all(axis=1)
    if is_finite.all():
        return
    row = int(np.argmin(is_finite))
    found = "NaN" if np.isnan(block[row]).any() else "infinity"
    raise ValueError(
        f"{name} contains {found}, first in row {first_row + row}; drop such rows or compute them "
        "again."
    )


def row_lengths(block: Float64Array, first_row: int = 0, name: str = "X") -> Float64Array:
    """Euclidean length of each row, shape (b,); rows that are not finite are refused."""
    squares = np.einsum("ij,ij->i", block, block)
    low, high = _SAFE_SQUARES
    unsafe = np.flatnonzero(~((squares > low) & (squares < high)))
    lengths: Float64Array = np.sqrt(squares)
    if unsafe.size:
        check_finite_rows(block, first_row, name)
        peaks = np.abs(block[unsafe]).max(axis=1)
        scaled = block[unsafe] / np.where(peaks > 0, peaks, 1.0)[:, None]
        with np.errstate(over="ignore"):  # an infinite length is refused by the caller
            lengths[unsafe] = peaks * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return lengths


def read_rows(
    X: FloatArray, part: slice, *, normalize: bool, name: str = "X"
) -> tuple[Float64Array, Float64Array]:
    """Rows of X as a new float64 array, divided by their lengths if asked, and the lengths."""
    block: Float64Array = np.array(X[part], dtype=np.float64, order="C")
    lengths = row_lengths(block, part.start, name)
    if (lengths > (1e300 if normalize else 1e75)).any():
        raise ValueError(
            f"{name} is too large: row {part.start + int(np.argmax(lengths))} has length "
            f"{lengths.max():.3g}, whose powers overflow; divide it by a constant."
        )
    if normalize:
        block /= np.where(lengths > 0, lengths, 1.0)[:, None]
    return block, lengths


def accumulate_moments(
    X: FloatArray,
    *,
    normalize: bool = False,
    skip_zeros: bool = True,
    sample_weight: FloatArray | None = None,
    keep_rows: bool = False,
    single: bool = False,
    start: RowMoments | None = None,
    name: str = "X",
) -> RowMoments:
    """Sums over the rows of X, added to those of ``start``, in one pass.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Floats of any width; a memmap is read block by block.

    normalize : bool, default=False
        Divide each row by its Euclidean length first.

    skip_zeros : bool, default=True
        Let rows of zeros count as the mean of the others.

    sample_weight : ndarray of shape (n,) or None, default=None
        Non-negative weights; an integer weight is the same as repeating the row.

    keep_rows : bool, default=False
        Keep the rows in place of their Gram matrix: n d numbers instead of d d, and
        small singular values keep all their digits.

    single : bool, default=False
        Form the products of the Gram matrix in float32; see the notes.

    start : RowMoments or None, default=None
        Sums to go on from, in the same way as they were formed; they are not modified.

    name : str, default="X"
        What error messages call the matrix.

    Returns
    -------
    moments : RowMoments
        Sums in float64.

    Raises
    ------
    ValueError
        If X holds NaN or infinity. The first row is named.

    Notes
    -----
    Products are formed in float64 unless ``single``: the Gram matrix squares the singular
    values, and in float32 the small ones drown, below 3e-4 times the largest one if the errors
    add up, or below a tenth of that if they are independent.
    """
    if start is None:
        sums = RowMoments.empty(
            *X.shape,
            normalize=normalize,
            skip_zeros=skip_zeros,
            keep_rows=keep_rows,
            single=single,
        )
    else:
        sums = replace(start.condensed())
        sums.gram = np.array(sums.gram, order="F")
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=sums.normalized, name=name)
        sums.add(block, lengths, None if sample_weight is None else sample_weight[part])
    return sums


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


def project_rows(
    X: FloatArray,
    weights: Float64Array,
    *,
    mean: Float64Array | None = None,
    normalize: bool = False,
    dtype: npt.DTypeLike = np.float64,
) -> FloatArray:
    """Rows of X, prepared as for the sums, times ``weights``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Floats of any width; a memmap is read block by block.

    weights : ndarray of shape (d, k)
        One output column per column.

    mean : ndarray of shape (d,) or None, default=None
        Subtracted from the (normalised) rows.

    normalize : bool, default=False
        Divide each row by its length first.

    dtype : dtype, default=float64
        Of the result; the products are formed in float64.

    Returns
    -------
    projected : ndarray of shape (n, k)
        Zero rows give zero, with a mean as well: they count as the mean.

    Raises
    ------
    ValueError
        If X holds NaN or infinity. The first row is named.
    """
    projected = np.empty((X.shape[0], weights.shape[1]), dtype=dtype)
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=normalize)
        if mean is not None:
            block -= mean
            block[lengths == 0] = 0.0
        projected[part] = block @ weights
    return projected
