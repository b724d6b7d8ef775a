"""What item features say about which item goes with which, without an n x n matrix."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from skace.recommenders._closed_form import row_slices

__all__ = ["FeaturePrior", "feature_prior"]

_MIN_REST = 1e-10  # of an item that the features of the others have to explain


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePrior:
    """EASE of the features: C = (H - diag(h)) diag(1 / (1 - h)), with H = F S F^T.

    F are the item features, S = (F^T F + ridge)^-1 and h the diagonal of H. By the Woodbury
    identity the inverse of the n x n matrix F F^T + ridge is (I - H) / ridge, so that the
    ridge outside of S cancels, and (n, d) matrices are all that is kept.
    """

    features: np.ndarray  # (n, d) F
    smoothed: np.ndarray  # (n, d) F S
    leverages: np.ndarray  # (n,) h, in [0, 1)
    strength: float  # of the pull towards C

    def add_to(self, weights, inverse):
        """Add strength P C to the weights, in place, where P is ``inverse``."""
        scale = (self.strength / (1 - self.leverages)).astype(weights.dtype)
        leverages = self.leverages.astype(weights.dtype)
        projected = inverse @ self.smoothed  # (n, d) P F S
        for rows in row_slices(weights):
            pull = projected[rows] @ self.features.T
            pull -= inverse[rows] * leverages
            pull *= scale
            weights[rows] += pull

    def columns(self, items):
        """Strength C[:, items], shape (n, n_columns), float64."""
        pull = (self.smoothed @ self.features[items].T).astype(np.float64)
        pull[items, np.arange(len(items))] = 0
        pull *= self.strength / (1 - self.leverages[items])
        return pull


def feature_prior(features, ridge, strength, dtype):
    """Prior of item features.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Item features.
    ridge : float
        Added to the diagonal of F F^T; above 0.
    strength : float
        Weight of the squared distance of the item weights from C.
    dtype : {"float32", "float64"}
        Of the matrices that are kept; all is computed in float64.

    Returns
    -------
    prior : FeaturePrior
        With leverages in float64.

    Raises
    ------
    ValueError
        If the ridge drowns in the rounding of the features.
    """
    F = np.asarray(features, dtype=np.float64)
    second = F.T @ F
    second[np.diag_indices_from(second)] += ridge
    factor, info = linalg.lapack.dpotrf(second, lower=1)
    if info == 0:
        smoothed = linalg.cho_solve((factor, True), F.T).T
        leverages = np.einsum("ij,ij->i", F, smoothed)
    # C divides by 1 - h, which is 0 for an item that the features of no other resemble.
    if info != 0 or (1 - leverages < _MIN_REST).any():
        raise ValueError(
            f"feature_regularization={ridge:g} is lost in the rounding of the item features; "
            "raise it."
        )
    # In C order: slices of rows, and their products, are fast and take no copies.
    kept = (np.ascontiguousarray(matrix, dtype=dtype) for matrix in (F, smoothed))
    return FeaturePrior(*kept, leverages, float(strength))
