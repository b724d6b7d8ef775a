"""Weighted sums over the rows of a matrix, up to second moments, in one pass."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from scipy.linalg import blas

from skace._row_blocks import read_rows, row_blocks
from skace._typing import Float64Array, FloatArray

__all__ = ["RowMoments", "accumulate_moments"]

_SHORTEST = 1e-75  # of the longest row: the fourth power of a shorter one loses digits
_SINGLE_EPS = float(np.finfo(np.float32).eps)


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
        If X holds NaN or infinity (the first row is named), or rows so short that their powers
        vanish.

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
    longest = 0.0
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=sums.normalized, name=name)
        sums.add(block, lengths, None if sample_weight is None else sample_weight[part])
        longest = max(longest, float(lengths.max(initial=0.0)))
    if start is None and not normalize and 0.0 < longest < _SHORTEST:
        raise ValueError(
            f"{name} is too small: its longest row has length {longest:.3g}, whose fourth power "
            "is no number any more; multiply it by a constant."
        )
    return sums
