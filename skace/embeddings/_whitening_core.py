"""The array core of WhiteningTransformer."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import warnings
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import linalg
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skace._row_blocks import read_rows, row_blocks
from skace._row_moments import RowMoments
from skace._sklearn_compat import fit_context
from skace.embeddings._columns import column_moments
from skace.embeddings._decomposition import (
    Decomposition,
    choose_solver,
    decompose,
    decompose_moments,
)
from skace.embeddings._dense_core import DTYPES, DenseCore, output_dtype

__all__ = ["WhiteningOfArrays"]

# Singular values of a whitening matrix below this share of the largest stand for directions
# that it drops: those it keeps span less than 1e8, the square root of the eps of float64.
_DROPPED = 1e-11


@dataclass(frozen=True, slots=True)
class _Groups:
    """Decompositions of groups of columns, as one entry of the memo."""

    parts: tuple[Decomposition, ...]

    @property
    def n_bytes(self) -> int:
        """Memory of all parts."""
        return sum(part.n_bytes for part in self.parts)


class WhiteningOfArrays(ClassNamePrefixFeaturesOutMixin, DenseCore):
    """Whitening of a two-dimensional array: what `WhiteningTransformer` does behind the mixin."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the matrix of each group."""
        X = self._check_array(X, reset=True, min_rows=2)
        self._check_settings(X.shape[1])
        context = self._begin_fit(X)
        if self.method == "bn":
            self._fit_columns(X)
        else:
            self._fit_groups(self._decompose(X))
        self._end_fit(context, X)
        return self

    def transform(self, X):
        """Subtract the mean and multiply each group of columns by its matrix."""
        check_is_fitted(self)
        X = self._check_array(X, reset=False)
        whitened = np.empty((X.shape[0], self._n_features_out), dtype=output_dtype(X))
        for part in row_blocks(*X.shape):
            block, lengths = read_rows(X, part, normalize=False)
            block -= self.mean_
            block[lengths == 0] = 0.0
            for columns, places, matrix in self._groups():
                whitened[part, places] = _product(block[:, columns], matrix)
        return whitened

    def inverse_transform(self, X):
        """Multiply by the pseudo-inverses and add the mean."""
        check_is_fitted(self)
        X = check_array(X, dtype=DTYPES, input_name="X", estimator=self)
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} columns, but this {type(self).__name__} returned "
                f"{self._n_features_out}; pass what transform returned."
            )
        back = np.empty((X.shape[0], self.n_features_in_), dtype=output_dtype(X))
        for columns, places, matrix in self._groups():
            back[:, columns] = _product(X[:, places], _pseudo_inverse(matrix)) + self.mean_[columns]
        return back

    def _groups(self):
        """Yield input columns, output columns and matrix of each group."""
        begin = done = 0
        for matrix in self.whitening_:
            end, n_done = begin + matrix.shape[0], done + matrix.shape[-1]
            yield slice(begin, end), slice(done, n_done), matrix
            begin, done = end, n_done

    def _check_settings(self, n_columns):
        """Raise if the groups or the number of components make no sense."""
        if self.n_groups > n_columns:
            raise ValueError(
                f"n_groups={self.n_groups} is more than the {n_columns} column(s) of X; set at "
                f"most {n_columns}."
            )
        if self.n_components is None:
            return
        if self.method not in ("zca", "pca"):
            raise ValueError(
                f"n_components={self.n_components} counts principal directions, which "
                f"method={self.method!r} does not know; set n_components=None, or method='zca' or "
                "'pca'."
            )
        if self.n_components < self.n_groups:
            raise ValueError(
                f"n_components={self.n_components} is less than n_groups={self.n_groups}, but "
                "each group keeps at least one direction; set fewer groups or more components."
            )

    def _decompose(self, X):
        """Decomposition of each group of columns, about the mean."""
        if self.n_groups > 1:
            edges = _even_edges(X.shape[1], self.n_groups)
            key = ("groups", self.n_groups)
            return self._from_memo(key, lambda: _decompose_groups(X, edges)).parts
        solver = choose_solver("auto", *X.shape)
        settings = {"solver": solver, "normalize": False, "center": True, "n_components": None}
        # The key of an ACETransformer with these settings, so that the two share one.
        return (self._from_memo((None, *settings.items()), lambda: decompose(X, **settings)),)

    def _fit_columns(self, X):
        """Standardise each column by itself."""
        moments = column_moments(X, skip_zeros=True)
        roots = np.sqrt(moments.squares / (moments.n_rows - 1))
        is_kept = roots > _rounding(moments.mean, moments.n_rows)
        is_kept &= roots > _negligible(roots.max(), roots.size)
        self._refuse_constant(is_kept.any())
        factors = np.where(is_kept, 1.0 / np.where(is_kept, roots, 1.0), 0.0)
        self._set_fitted(moments.mean, [factors], np.zeros(1), int(is_kept.sum()))

    def _fit_groups(self, parts):
        """Whiten each group with its (shrunk) covariance."""
        parts = [_without_rounding(part) for part in parts]
        ranks = [part.singular_values.size for part in parts]
        self._refuse_constant(any(ranks))
        widths = self._widths(ranks)
        intensities = [
            part.intensity if self.shrinkage == "auto" else float(self.shrinkage) for part in parts
        ]
        matrices = [
            _matrix(part, self.method, intensity, width)
            for part, intensity, width in zip(parts, intensities, widths, strict=True)
        ]
        mean = np.concatenate([part.mean for part in parts])
        n_components = sum(ranks if self.n_components is None else widths)
        self._set_fitted(mean, matrices, np.array(intensities), n_components)

    def _widths(self, ranks):
        """Number of directions that each group keeps, at most its rank; None for all."""
        if self.n_components is None:
            return [None] * len(ranks)
        wanted = np.diff(_even_edges(self.n_components, self.n_groups)).tolist()
        widths = [min(pair) for pair in zip(wanted, ranks, strict=True)]
        if sum(widths) < self.n_components:
            found = ", ".join(map(str, ranks))
            warnings.warn(
                f"n_components={self.n_components} is more than X has directions: "
                f"{type(self).__name__} keeps {sum(widths)}, because the rank is {found}"
                f"{' in the groups' if self.n_groups > 1 else ''}. Set n_components=None for all "
                "there are.",
                stacklevel=2,
            )
        return widths

    def _refuse_constant(self, has_direction):
        """Raise unless some direction has a variance."""
        if not has_direction:
            raise ValueError(
                "X has rank 0 about its mean: all rows are the same, so there is nothing that "
                f"{type(self).__name__} could whiten."
            )

    def _set_fitted(self, mean, matrices, intensities, n_components):
        """Set all learned attributes."""
        self.mean_ = mean.copy()
        self.whitening_ = matrices
        self.shrinkage_ = intensities
        self.n_components_ = n_components

    @property
    def _n_features_out(self):
        """Number of output columns, for `get_feature_names_out`."""
        return sum(matrix.shape[-1] for matrix in self.whitening_)


def _even_edges(n: int, n_parts: int) -> Any:
    """Borders of parts as even as can be, the longer ones first, shape (n_parts + 1,)."""
    return np.cumsum([0, *map(len, np.array_split(np.arange(n), n_parts))])


def _decompose_groups(X: Any, edges: Any) -> _Groups:
    """Decomposition of each group of columns about its mean, in one pass over the rows."""
    groups = [slice(begin, end) for begin, end in pairwise(edges.tolist())]
    sums = []
    for group in groups:
        width = group.stop - group.start
        keeps_rows = choose_solver("auto", X.shape[0], width) == "full"
        sums.append(
            RowMoments.empty(
                X.shape[0], width, normalize=False, skip_zeros=True, keep_rows=keeps_rows
            )
        )
    for part in row_blocks(*X.shape):
        block, lengths = read_rows(X, part, normalize=False)
        for moments, group in zip(sums, groups, strict=True):
            moments.add(block[:, group].copy(), lengths, None)
    # Nobody goes on from the sums, so the memo need not hold them.
    return _Groups(tuple(replace(decompose_moments(m, center=True), moments=None) for m in sums))


def _rounding(mean: Any, n_rows: float) -> Any:
    """Largest standard deviation that a sum of ``n_rows`` equal values may seem to have."""
    return np.finfo(np.float64).eps * n_rows * np.abs(mean)


def _negligible(largest: float, n_columns: int) -> float:
    """Standard deviation, or singular value, that counts as none beside the largest one.

    The eigenvalues of a Gram matrix are known to about d eps times the largest one. What is of
    that size has no right digit, and whitening would blow it up to variance one.
    """
    return largest * math.sqrt(10 * max(n_columns, 10) * np.finfo(np.float64).eps)


def _without_rounding(part: Decomposition) -> Decomposition:
    """Decomposition without directions that are rounding, of a large mean or of the Gram matrix."""
    values, n_columns = part.singular_values, part.vectors.shape[1]
    if values.size == 0:
        return part
    constant = _rounding(np.linalg.norm(part.mean), part.weight) * math.sqrt(part.weight)
    rank = int(np.count_nonzero(values > max(constant, _negligible(values[0], n_columns))))
    return replace(part, singular_values=values[:rank], vectors=part.vectors[:rank])


def _matrix(part: Decomposition, method: str, intensity: float, width: int | None) -> Any:
    """Matrix W of a group such that the centred rows times W are white, shape (d, k).

    The covariance is ``C = (1 - t) S + t m I`` with the sample covariance S, its mean
    variance m and the intensity t. A width leaves its first directions and drops the rest.
    """
    values, vectors = part.singular_values, part.vectors
    n_columns = vectors.shape[1]
    if values.size == 0:
        return np.zeros((n_columns, 0 if method == "pca" else n_columns))
    variances = (1.0 - intensity) * values**2 / (part.weight - 1.0)
    floor = intensity * part.trace / ((part.weight - 1.0) * n_columns)
    roots = np.sqrt(variances + floor)
    if method == "pca":
        return vectors[:width].T / roots[:width]
    if method == "zca":
        return _symmetric_inverse_root(
            vectors[:width], roots[:width], floor if width is None else 0.0
        )
    # C = A^T A, and A = Q R gives R without forming C, which would halve the digits.
    A = np.sqrt(variances)[:, None] * vectors
    if floor > 0.0:
        A = np.vstack([A, math.sqrt(floor) * np.eye(n_columns)])
    return _inverse_cholesky(A)


def _symmetric_inverse_root(vectors: Any, roots: Any, floor: float) -> Any:
    """C^(-1/2), or its pseudo-inverse if C has no floor, shape (d, d)."""
    rank, n_columns = vectors.shape
    root = (vectors.T / roots) @ vectors
    if floor > 0.0 and rank < n_columns:
        # Directions that no row has have the variance of the floor alone.
        root += (np.eye(n_columns) - vectors.T @ vectors) / math.sqrt(floor)
    return root


def _inverse_cholesky(A: Any) -> Any:
    """R^(-1) of the Cholesky factorisation A^T A = R^T R, upper triangular, shape (d, d).

    Rows and columns of zeros for columns of A that have no length.
    """
    lengths = np.linalg.norm(A, axis=0)
    is_kept = lengths > _negligible(lengths.max(), lengths.size)
    n_kept = int(is_kept.sum())
    if len(A) < n_kept:
        raise ValueError(
            f"method='cholesky' needs linearly independent columns, but {n_kept} columns have rank "
            f"{len(A)}; set shrinkage='auto' or a small number, or method='zca'."
        )
    R = linalg.qr(A[:, is_kept], mode="r", overwrite_a=True, check_finite=False)[0][:n_kept]
    R *= np.where(np.diag(R) < 0, -1.0, 1.0)[:, None]
    inverse = np.zeros((lengths.size, lengths.size))
    inverse[np.ix_(is_kept, is_kept)] = linalg.solve_triangular(
        R, np.eye(n_kept), check_finite=False
    )
    return inverse


def _product(rows: Any, matrix: Any) -> Any:
    """Rows times a matrix, which may be a diagonal."""
    return rows * matrix if matrix.ndim == 1 else rows @ matrix


def _pseudo_inverse(matrix: Any) -> Any:
    """Pseudo-inverse of a matrix, which may be a diagonal."""
    if matrix.ndim == 1:
        return np.where(matrix > 0, 1.0 / np.where(matrix > 0, matrix, 1.0), 0.0)
    return np.linalg.pinv(matrix, rtol=_DROPPED)
