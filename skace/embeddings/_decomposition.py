"""Decomposition of an item matrix: three solvers, and a memo per catalog."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.extmath import randomized_svd

from skace._linalg import fix_signs, ledoit_wolf_intensity, numerical_rank, right_singular_pairs
from skace._memo import Memo
from skace._row_moments import RowMoments, accumulate_moments

__all__ = [
    "MEMO",
    "Decomposition",
    "choose_solver",
    "decompose",
    "decompose_moments",
    "vectors_to_find",
]

_FEWEST = 128  # vectors that are found in any case
_SINGLE_ERROR = 1e-5  # of the squared singular values, relative, where float32 products suffice


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """All that ACE needs to know of the rows it was fitted on, whatever alpha is."""

    singular_values: npt.NDArray[np.float64]  # (r,) above the numerical rank, descending
    vectors: npt.NDArray[np.float64]  # (r, d), or fewer: see `decompose`
    spectrum: npt.NDArray[np.float64]  # all singular values; see `decompose`
    mean: npt.NDArray[np.float64]  # (d,) of the non-zero rows
    weight: float  # of all rows
    used_weight: float  # of the rows that are not zero
    trace: float  # sum of squared lengths, about the mean if centred
    centred_trace: float  # sum of squared distances from the mean, in any case
    intensity: float  # of the Ledoit-Wolf shrinkage
    moments: RowMoments | None  # to go on with partial_fit; None if the solver has none

    @property
    def n_bytes(self) -> int:
        """Memory of the arrays that grow with d squared."""
        held = 0 if self.moments is None else self.moments.gram.nbytes + self.moments.rows.nbytes
        return self.vectors.nbytes + held


def choose_solver(solver: str, n_rows: int, n_features: int) -> str:
    """Solver behind "auto": the SVD for short wide matrices, else the Gram matrix."""
    if solver != "auto":
        return solver
    # Measured: with 2 n <= d the SVD of the rows is faster than eigenvectors of d x d.
    return "full" if 2 * n_rows <= n_features else "gram"


def vectors_to_find(n_components: int | None, n_features: int) -> int | None:
    """Vectors that a Gram matrix is asked for; None for all, where that costs no more.

    A power of two, so that a grid over the number of components shares few decompositions.
    """
    if n_components is None:
        return None
    wanted = max(_FEWEST, 1 << (n_components - 1).bit_length())
    return wanted if 4 * wanted <= n_features else None


def decompose(
    X: Any,
    *,
    solver: str,
    normalize: bool,
    center: bool,
    n_components: int | None = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Decomposition:
    """Decompose the rows of X.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Floats; read once, in blocks, unless the solver keeps the rows.

    solver : {"full", "gram", "randomized"}
        "full" and "randomized" hold the rows in float64.

    normalize, center : bool
        Divide rows by their length, then subtract the mean.

    n_components : int or None, default=None
        Number of vectors to find, with "randomized" also of singular values; None for all.
        Without effect on "full".

    sample_weight : ndarray of shape (n,) or None, default=None
        Weights of the rows.

    random_state : None, int or RandomState, default=None
        For "randomized" only.

    Returns
    -------
    decomposition : Decomposition
        With "randomized", the part of the spectrum that was not computed is taken as
        flat, such that the sum of squares is right.

    Notes
    -----
    Where "gram" looks for few directions of rows that are narrower than float64, products in
    float32 find them in less time. If the last of these directions does not stand clear of
    their rounding, the rows are gone through again in float64.
    """
    sums = {"normalize": normalize, "sample_weight": sample_weight}
    if solver == "gram" and n_components is not None and X.dtype != np.float64:
        moments = accumulate_moments(X, single=True, **sums)
        found = _decompose_clear(moments, center, n_components)
        if found is not None:
            return found
    moments = accumulate_moments(X, keep_rows=solver != "gram", **sums)
    if solver != "randomized":
        return decompose_moments(moments, center, n_components)
    values, vectors = _randomized_pairs(moments, center, n_components, random_state)
    return _assemble(moments, center, values, vectors, can_go_on=False)


def decompose_moments(
    moments: RowMoments, center: bool, n_components: int | None = None
) -> Decomposition:
    """Decompose the rows behind ``moments``."""
    values, vectors = right_singular_pairs(moments, center, n_components)
    return _assemble(moments, center, values, vectors, can_go_on=True)


def _decompose_clear(moments: RowMoments, center: bool, n_components: int) -> Decomposition | None:
    """Decomposition of rounded sums, or None if it could harm one of the components."""
    if not np.isfinite(moments.rounding):
        return None
    values, vectors = right_singular_pairs(moments, center, n_components)
    if moments.rounding > _SINGLE_ERROR * values[n_components - 1] ** 2:
        return None
    return _assemble(moments, center, values, vectors, can_go_on=True)


def _randomized_pairs(
    moments: RowMoments, center: bool, n_components: int | None, random_state: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """First singular values and right singular vectors by random projection."""
    rows = moments.weighted_rows(center)
    n_found = min(rows.shape) if n_components is None else min(n_components, *rows.shape)
    # More iterations than scikit-learn's default of 4: text vectors have a slowly
    # decaying spectrum, on which few iterations mix neighbouring directions. QR, because
    # "auto" is something else under array API dispatch.
    _, values, vectors = randomized_svd(
        rows,
        n_found,
        n_iter=7,
        power_iteration_normalizer="QR",
        random_state=random_state,
        flip_sign=False,
    )
    return values, fix_signs(vectors)


def _assemble(
    moments: RowMoments,
    center: bool,
    values: npt.NDArray[np.float64],
    vectors: npt.NDArray[np.float64],
    *,
    can_go_on: bool,
) -> Decomposition:
    """Decomposition from the factors and the sums."""
    rank = numerical_rank(values, moments.n_features, moments.rounding)
    spectrum = _with_flat_tail(values, moments, center)
    intensity = ledoit_wolf_intensity(moments, spectrum, center) if rank else 1.0
    # Rows take n d numbers and their Gram matrix d d: store what is smaller.
    is_tall = moments.n_rows > moments.n_features
    kept = moments.condensed() if is_tall and can_go_on else moments
    return Decomposition(
        singular_values=values[:rank],
        vectors=vectors[:rank],
        spectrum=spectrum,
        mean=moments.mean,
        weight=moments.weight,
        used_weight=moments.used_weight,
        trace=moments.trace(center),
        centred_trace=max(0.0, moments.trace(center=True)),
        intensity=intensity,
        moments=kept if can_go_on else None,
    )


def _with_flat_tail(
    values: npt.NDArray[np.float64], moments: RowMoments, center: bool
) -> npt.NDArray[np.float64]:
    """All singular values; what was not computed shares the rest of the trace."""
    n_possible = min(moments.n_rows, moments.n_features)
    n_missing = n_possible - values.size
    if n_missing <= 0:
        return values[:n_possible]
    rest = max(0.0, moments.trace(center) - float(np.sum(values**2)))
    return np.concatenate([values, np.full(n_missing, np.sqrt(rest / n_missing))])


MEMO: Memo[Decomposition] = Memo(max_entries=4, max_bytes=512 * 2**20)
