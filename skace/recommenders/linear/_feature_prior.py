"""What item features say about which item goes with which, without an n x n matrix."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace.recommenders.linear._closed_form import invert, row_slices

__all__ = ["FeaturePrior", "feature_prior"]

_MIN_REST = 1e-10  # of an item that the features of the others have to explain


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePrior:
    """EASE of the features: C = (H - diag(h)) diag(1 / (1 - h)), with H = F S F^T.

    F are the item features, each divided by its length, S = (F^T F + ridge)^-1 and h the
    diagonal of H. By the Woodbury identity the inverse of the n x n matrix F F^T + ridge is
    (I - H) / ridge, so that the ridge outside of S cancels. Beside the features as they came
    only S is kept.
    """

    features: np.ndarray  # (n, d) before they are divided
    lengths: np.ndarray  # (n,) what they are divided by
    smoother: np.ndarray  # (d, d) S, float64
    leverages: np.ndarray  # (n,) h, in [0, 1)
    strength: float  # of the pull towards C

    def add_to(self, weights, inverse):
        """Add strength P C to the weights, in place, where P is ``inverse``."""
        dtype = weights.dtype
        shrink = (1 / self.lengths).astype(dtype)
        scale = self.strength / (1 - self.leverages)
        outer, own = (scale / self.lengths).astype(dtype), (scale * self.leverages).astype(dtype)
        for rows in row_slices(weights):
            block = (inverse[rows] * shrink) @ self.features  # (n_rows, d) P F
            block = (block.astype(np.float64) @ self.smoother).astype(dtype)
            weights[rows] -= inverse[rows] * own
            pull = block @ self.features.T
            pull *= outer
            weights[rows] += pull

    def columns(self, items):
        """Strength C[:, items], shape (n, n_columns), float64."""
        wanted = self.features[items].astype(np.float64) / self.lengths[items, None]
        smoothed = (wanted @ self.smoother).astype(self.features.dtype)
        pull = (self.features @ smoothed.T).astype(np.float64)
        pull /= self.lengths[:, None]
        pull[items, np.arange(len(items))] = 0
        pull *= self.strength / (1 - self.leverages[items])
        return pull


def feature_prior(features, ridge, strength, *, normalize, is_relative=False):
    """Prior of item features.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Item features; kept as they are, in the precision of the products with them.
    ridge : float
        Added to the diagonal of F F^T; above 0.
    strength : float
        Weight of the squared distance of the item weights from C.
    normalize : bool
        Whether each item is divided by its length (a zero vector stays one).
    is_relative : bool, default=False
        Whether the ridge counts in mean eigenvalues of the Gram matrix about the mean.

    Returns
    -------
    prior : FeaturePrior
        With all but the features in float64.

    Raises
    ------
    ValueError
        If the ridge drowns in the rounding of the features.
    """
    n_items, n_features = features.shape
    lengths, leverages = np.ones(n_items), np.empty(n_items)
    second, total = np.zeros((n_features, n_features)), np.zeros(n_features)
    for rows in row_slices(features):
        block = features[rows].astype(np.float64)
        if normalize:
            norms = np.linalg.norm(block, axis=1)
            lengths[rows] = np.where(norms > 0, norms, 1)
            block /= lengths[rows, None]
        second += block.T @ block
        total += block.sum(axis=0)
    if is_relative:
        ridge = ridge * (np.trace(second) - total @ total / n_items) / n_features
    lost = (
        f"feature_regularization={ridge:g} is lost in the rounding of the item features; raise it."
    )
    try:
        smoother = invert(second, np.full(n_features, ridge), "float64").matrix
    except ValueError as error:
        raise ValueError(lost) from error
    for rows in row_slices(features):
        block = features[rows] / lengths[rows, None]  # float64
        leverages[rows] = np.einsum("ij,ij->i", block @ smoother, block)
    # C divides by 1 - h, which is 0 for an item that the features of no other resemble.
    if (1 - leverages < _MIN_REST).any():
        raise ValueError(lost)
    return FeaturePrior(features, lengths, smoother, leverages, float(strength))
