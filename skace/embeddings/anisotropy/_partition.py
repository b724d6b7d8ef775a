"""The partition function as a measure of isotropy."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from skace._linalg import right_singular_pairs, singular_values
from skace._row_blocks import read_rows, row_blocks
from skace.embeddings.anisotropy._spectrum import check_embeddings, moments_of

__all__ = ["partition_expansion", "partition_isotropy"]


def partition_isotropy(
    embeddings: ArrayLike, *, order: Literal[1, 2] | None = None, center: bool = False
) -> float:
    r"""Ratio of the smallest to the largest partition function.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item; the measure depends on their length.

    order : {1, 2} or None, default=None
        None: exact. 1 or 2: the expansion to that order, from sums alone. The expansions
        are for rows of length about 1 and can leave [0, 1] for longer ones.

    center : bool, default=False
        Subtract the mean row first. The expansion of order 1 is then always 1.

    Returns
    -------
    score : float
        In (0, 1]; 1 if the rows look the same along all principal directions.

    Raises
    ------
    ValueError
        If ``order`` is none of these.

    Notes
    -----
    :math:`\min_c Z(c) / \max_c Z(c)` with :math:`Z(c) = \sum_i \exp(c \cdot x_i)`, c over
    both signs of the unit eigenvectors of :math:`X^T X`. O(n d^2) time, d^2 memory; sums of
    exponentials are kept as logarithms.

    Stability: provisional.

    References
    ----------
    .. [1] Arora et al. (2016), A latent variable model approach to PMI-based word embeddings,
       TACL 4.
    .. [2] Mu and Viswanath (2018), All-but-the-top, ICLR, equation 7 and appendix A.

    Examples
    --------
    >>> from skace.embeddings import partition_isotropy
    >>> round(partition_isotropy([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), 6)
    1.0
    """
    if order not in (None, 1, 2):
        raise ValueError(f"order must be None, 1 or 2, got {order!r}.")
    embeddings = check_embeddings(embeddings)
    moments = moments_of(embeddings)
    if order is not None:
        return partition_expansion(moments, singular_values(moments, center), order, center)
    vectors = right_singular_pairs(moments, center)[1]
    logs = _log_partition(embeddings, vectors, moments.mean if center else None)
    if len(vectors) < embeddings.shape[1]:  # the directions in which all rows are zero
        logs = np.append(logs, math.log(embeddings.shape[0]))
    return float(np.exp(logs.min() - logs.max()))


def partition_expansion(moments, values, order, center):
    """First- or second-order partition isotropy."""
    n = moments.n_rows
    total = 0.0 if center else n * float(np.linalg.norm(moments.mean))
    if order == 1:
        return (n - total) / (n + total)
    smallest = values[-1] if values.size == moments.n_features else 0.0
    return float((n - total + smallest**2 / 2) / (n + total + values[0] ** 2 / 2))


def _log_partition(embeddings, vectors, mean):
    """Logarithm of Z(c) for c over both signs of ``vectors``, shape (2 r,)."""
    logs = np.full(2 * len(vectors), -np.inf)
    for part in row_blocks(embeddings.shape[0], 4 * embeddings.shape[1]):
        block, _ = read_rows(embeddings, part, normalize=False, name="embeddings")
        block = block if mean is None else block - mean
        scores = block @ vectors.T
        logs = np.logaddexp(logs, logsumexp(np.hstack([scores, -scores]), axis=0))
    return logs
