"""Measures of anisotropy that look at pairs of rows, in blocks."""
# SPDX-License-Identifier: BSD-3-Clause

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skace._row_blocks import read_rows
from skace.data import Interactions
from skace.embeddings.anisotropy._spectrum import check_embeddings, refuse_zero_rows

__all__ = ["Hubness", "alignment", "hubness", "uniformity"]

_BLOCK_ROWS = 1024
_TIE = 1e-12  # products of equal rows differ by rounding


class Hubness(NamedTuple):
    """What `hubness` returns.

    Parameters
    ----------
    skewness : float
        Skewness of the number of times that an item is among the neighbours of others.

    anti_hub_share : float
        Share in [0, 1] of items that are nobody's neighbour.

    Notes
    -----
    Stability: provisional.
    """

    skewness: float
    anti_hub_share: float


def uniformity(embeddings: ArrayLike, *, t: float = 2.0) -> float:
    r"""Logarithm of the mean Gaussian potential between distinct rows.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, at least two, none of zero length. Rows are divided by their
        length; nothing is centred.

    t : float, default=2.0
        Sharpness of the potential, above 0.

    Returns
    -------
    score : float
        At most 0; 0 means that all rows have the same direction. Uniform directions on
        the sphere give about -4 + 8 / n_dims (for t = 2).

    Raises
    ------
    ValueError
        If there are fewer than two rows, a row has zero length, or t is not positive.

    Notes
    -----
    :math:`\ln \mathrm{mean}_{i<j} \exp(-t \lVert u_i - u_j \rVert^2)` with unit rows.
    Exact: O(n^2 d) time, in blocks of 1024 x 1024 pairs.

    Stability: provisional.

    References
    ----------
    .. [1] Wang and Isola (2020), Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere, ICML, section 4.1.2.

    Examples
    --------
    >>> from skace.embeddings import uniformity
    >>> round(uniformity([[2.0, 0.0], [0.0, 1.0]]), 6)  # squared distance 2
    -4.0
    """
    if not t > 0:
        raise ValueError(f"t must be above 0, got {t}.")
    embeddings = check_embeddings(embeddings, min_rows=2)
    n = embeddings.shape[0]
    total = 0.0
    for first in _blocks(n):
        left = _unit_block(embeddings, first)
        for second in _blocks(n, first.start):
            right = left if second == first else _unit_block(embeddings, second)
            # |u - v|^2 = 2 - 2 u.v for unit rows
            potentials = np.exp(-2.0 * t * (1.0 - left @ right.T))
            if second == first:
                potentials = np.triu(potentials, 1)
            total += float(potentials.sum())
    # All potentials underflow for distant rows and a very large t.
    return min(0.0, math.log(total / (n * (n - 1) / 2))) if total > 0 else -math.inf


def alignment(embeddings: ArrayLike, positives: ArrayLike | Interactions) -> float:
    r"""Mean squared distance between the directions of rows that belong together.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, none of zero length. Rows are divided by their length; nothing is
        centred.

    positives : array-like of int of shape (n_pairs, 2) or Interactions
        Pairs of row numbers. With Interactions each row with a past gives a pair: its event and the
        user's event before it. ``embeddings`` are then in the order of
        ``positives.catalog.item_ids``.

    Returns
    -------
    score : float
        In [0, 4]; 0 if the two rows of each pair have the same direction, 2 if they are orthogonal.

    Raises
    ------
    ValueError
        If there is no pair, a row number is out of range, or a row of a pair has zero length.

    Notes
    -----
    O(n_pairs d) time, in blocks.

    Stability: provisional.

    References
    ----------
    .. [1] Wang and Isola (2020), Understanding contrastive representation learning through
       alignment and uniformity on the hypersphere, ICML, section 4.1.1.

    Examples
    --------
    >>> from skace.embeddings import alignment
    >>> alignment([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]], [[0, 1], [0, 2]])
    1.0
    """
    embeddings = check_embeddings(embeddings)
    pairs = _pairs_of(positives, embeddings.shape[0])
    total = 0.0
    for part in _blocks(len(pairs)):
        left = _unit_rows(embeddings, pairs[part, 0])
        right = _unit_rows(embeddings, pairs[part, 1])
        total += float(np.sum((left - right) ** 2))
    return total / len(pairs)


def hubness(embeddings: ArrayLike, k: int = 10) -> Hubness:
    r"""How unequally items occur among the nearest neighbours of others.

    A direction that all items share makes hubs: items along it are near to everything. Other items
    are nobody's neighbour, so a recommender rarely reaches them.

    Parameters
    ----------
    embeddings : array-like of shape (n_items, n_dims)
        One row per item, none of zero length. Neighbours are nearest by cosine; nothing is centred.

    k : int, default=10
        Number of neighbours, between 1 and ``n_items - 1``.

    Returns
    -------
    hubness : Hubness
        Named tuple. ``skewness`` of the counts, 0 for none and above 1 for strong hubs;
        ``anti_hub_share``, the share in [0, 1] of items that are nobody's neighbour.

    Raises
    ------
    ValueError
        If k is out of range, or a row has zero length.

    Notes
    -----
    :math:`\mathrm{mean}((N_i - k)^3) / \mathrm{std}(N)^3`, where :math:`N_i` counts the items that
    have i among their k nearest others. Items that tie with the k-th share the remaining places, so
    the result does not depend on the order of the rows. Exact: O(n^2 d) time, O(n b) memory for
    blocks of b rows.

    Stability: provisional.

    References
    ----------
    .. [1] Radovanovic, Nanopoulos and Ivanovic (2010), Hubs in space, JMLR 11, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skace.embeddings import hubness
    >>> angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    >>> circle = np.column_stack([np.cos(angles), np.sin(angles)])  # all points are alike
    >>> hubness(circle, k=2)
    Hubness(skewness=0.0, anti_hub_share=0.0)
    """
    embeddings = check_embeddings(embeddings, min_rows=2)
    n = embeddings.shape[0]
    if not 1 <= k < n:
        raise ValueError(f"k must be between 1 and n_items - 1 = {n - 1}, got {k}.")
    counts = np.zeros(n)
    for part in _blocks(n, size=max(1, min(_BLOCK_ROWS, 2**23 // n))):
        counts += _neighbour_shares(_similarities(embeddings, part), k)
    spread = float(counts.std())
    third = float(np.mean((counts - k) ** 3))
    skewness = third / spread**3 if spread > 1e-9 else 0.0
    return Hubness(skewness, float(np.mean(counts < 1e-9)))


def _blocks(n, start=0, size=_BLOCK_ROWS):
    """Slices over the rows from ``start`` on."""
    for first in range(start, n, size):
        yield slice(first, min(first + size, n))


def _unit_block(embeddings, part):
    """Rows of length 1."""
    units, lengths = read_rows(embeddings, part, normalize=True, name="embeddings")
    refuse_zero_rows(lengths, range(part.start, part.stop))
    return units


def _unit_rows(embeddings, rows):
    """Rows of length 1, picked by number."""
    units, lengths = read_rows(embeddings[rows], slice(0, None), normalize=True, name="embeddings")
    refuse_zero_rows(lengths, rows)
    return units


def _similarities(embeddings, part):
    """Cosines of the rows in ``part`` with all rows, -inf with themselves."""
    n = embeddings.shape[0]
    left = _unit_block(embeddings, part)
    cosines = np.empty((len(left), n))
    for other in _blocks(n):
        cosines[:, other] = left @ _unit_block(embeddings, other).T
    cosines[np.arange(len(left)), np.arange(part.start, part.stop)] = -np.inf
    return cosines


def _neighbour_shares(cosines, k):
    """How often each column is among the k largest of a row; ties share what is left."""
    n = cosines.shape[1]
    kth = np.partition(cosines, n - k, axis=1)[:, [n - k]]
    is_nearer = cosines > kth + _TIE
    is_tied = np.abs(cosines - kth) <= _TIE
    room = k - is_nearer.sum(axis=1)
    return is_nearer.sum(axis=0) + (room / is_tied.sum(axis=1)) @ is_tied


def _pairs_of(positives, n_rows):
    """Pairs of row numbers, shape (n_pairs, 2)."""
    if isinstance(positives, Interactions):
        return _consecutive_items(positives, n_rows)
    pairs = np.asarray(positives)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"positives must be Interactions or integers of shape (n_pairs, 2), got dtype "
            f"{pairs.dtype} and shape {pairs.shape}."
        )
    if not pairs.size:
        raise ValueError("positives is empty; there is nothing to average.")
    if pairs.min() < 0 or pairs.max() >= n_rows:
        raise ValueError(
            f"positives holds row numbers from {pairs.min()} to {pairs.max()}, but embeddings "
            f"has {n_rows} rows."
        )
    return pairs


def _consecutive_items(X, n_rows):
    """Catalog rows of the events before the rows of X, and of the rows' own events."""
    if X.n_items != n_rows:
        raise ValueError(
            f"embeddings has {n_rows} rows, but the catalog of positives has {X.n_items} items; "
            "give one row per item, in the order of positives.catalog.item_ids."
        )
    own = X._item_codes  # raises for queries
    has_past = X._ends > X._starts
    if not has_past.any():
        raise ValueError("no row of positives has a past; there is no pair to average over.")
    before = X._log.items[X._ends[has_past] - 1]
    return np.column_stack([before, own[has_past]])
