"""Principal axes of item features, padded to a number that does not depend on their rank."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._linalg import numerical_rank, right_singular_pairs
from skace._row_moments import accumulate_moments

__all__ = ["PrincipalAxes", "over", "principal_axes"]


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalAxes:
    """Axes of the features about their mean or about 0; beyond the rank they are zero.

    A network is rebuilt from features of zeros before its state is loaded, so no shape
    may depend on what the features hold.
    """

    mean: np.ndarray  # (d,) zeros if the features were not centred
    vectors: np.ndarray  # (d, r) unit vectors in columns, the first of largest variance
    values: np.ndarray  # (r,) singular values
    n_rows: int
    centred_trace: float  # sum of squared distances from the mean

    def whitening(self):
        """Weights of shape (d, r) that give each axis a mean square of 1."""
        return self.vectors * over(self.n_rows**0.5, self.values)

    def spread(self):
        """Standard deviation of all entries of the centred projections."""
        return float(np.sqrt(np.sum(self.values**2) / (self.n_rows * self.values.size)))


def over(numerator, denominator):
    """Quotient, 0 where the denominator is 0."""
    zeros = np.zeros_like(denominator)
    return np.divide(numerator, denominator, out=zeros, where=denominator > 0)


def principal_axes(features, n_axes, *, center=True, normalize=False):
    """Find the first axes.

    Parameters
    ----------
    features : ndarray of shape (n_items, d)
        Floats. Rows of zeros count as the mean of the others.

    n_axes : int
        At most d.

    center : bool, default=True
        About the mean of the rows, or about 0.

    normalize : bool, default=False
        Divide each row by its length first.

    Returns
    -------
    axes : PrincipalAxes
        Time is O(n d^2 + d^3).
    """
    n, d = features.shape
    vectors, values = np.zeros((d, n_axes)), np.zeros(n_axes)
    if not features.any():
        return PrincipalAxes(np.zeros(d), vectors, values, n, 0.0)
    # With 2 n <= d the SVD of the rows is faster than eigenvectors of d x d.
    moments = accumulate_moments(features, normalize=normalize, keep_rows=2 * n <= d)
    found, rows = right_singular_pairs(moments, center)
    rank = min(numerical_rank(found, d), n_axes)
    vectors[:, :rank], values[:rank] = rows[:rank].T, found[:rank]
    mean = moments.mean if center else np.zeros(d)
    return PrincipalAxes(mean, vectors, values, n, max(0.0, moments.trace(center=True)))
