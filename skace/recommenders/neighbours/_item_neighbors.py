"""Items whose vectors point the same way, and the strongest entries of sparse rows."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from skace._memo import Memo
from skace._row_blocks import read_rows, row_blocks
from skace._topk import top_k
from skace.recommenders.linear._base import locked
from skace.recommenders.linear._sessions import fingerprint_of

__all__ = ["TextNeighbors", "strongest"]

_SCORE_BYTES = 64 * 2**20  # of cosines at a time


@dataclass(frozen=True, slots=True, eq=False)
class _Neighbors:
    """Cosines of the nearest items of each item."""

    matrix: sp.csr_array  # (n_items, n_items)

    @property
    def n_bytes(self):
        """Memory of the cosines."""
        return self.matrix.data.nbytes + self.matrix.indices.nbytes + self.matrix.indptr.nbytes


# A grid over anything else looks for the neighbours once per process.
NEIGHBORS: Memo[_Neighbors] = Memo(max_entries=4, max_bytes=256 * 2**20)


@dataclass(frozen=True, slots=True, eq=False)
class TextNeighbors:
    """Nearest items by the cosine of their vectors.

    Vectors are divided by their length and, where there is a mean, centred: the vectors of
    language models share a direction, beside which all cosines are alike.
    """

    n_neighbors: int
    mean: np.ndarray | None  # (d,) of the vectors of length 1, float64

    @classmethod
    def of(cls, features, n_neighbors, *, center):
        """Neighbours for items like those of ``features``, shape (n, d)."""
        return cls(n_neighbors, _mean_of(features) if center else None)

    def among(self, features):
        """Cosines of each item with its nearest others, CSR of shape (n, n), float32.

        Takes ``O(n^2 d)`` time; remembered per process.
        """
        mean = () if self.mean is None else (self.mean,)
        key = (fingerprint_of(features, *mean), self.n_neighbors)
        return NEIGHBORS.get(key, lambda: _Neighbors(locked(self._among(features)))).matrix

    def _among(self, features):
        units = self._units(features)
        return self._nearest(units, units, np.arange(len(units)))

    def to(self, others, features):
        """Cosines of other items with the nearest of ``features``, CSR of shape (m, n)."""
        return self._nearest(self._units(others), self._units(features))

    def grown(self, known, features):
        """`among` of all items, from that of the first ones; reads only pairs with a new one."""
        n_known, n_items = known.shape[0], len(features)
        units = self._units(features)
        new = self._nearest(units[n_known:], units, np.arange(n_known, n_items))
        to_new = self._nearest(units[:n_known], units[n_known:])
        old = strongest(sp.hstack([known, to_new], format="csr"), self.n_neighbors)
        return sp.csr_array(sp.vstack([old, new], format="csr"))

    def _units(self, features):
        """Vectors of length 1, or 0, shape (n, d), float32."""
        units = np.empty(features.shape, dtype=np.float32)
        for rows in row_blocks(*features.shape):
            block, lengths = read_rows(features, rows, normalize=True, name="the item features")
            if self.mean is not None:
                block -= self.mean
                block[lengths == 0] = 0.0
                lengths = np.linalg.norm(block, axis=1)
                block /= np.where(lengths > 0, lengths, 1.0)[:, None]
            units[rows] = block
        return units

    def _nearest(self, units, others, own=None):
        """Positive cosines with the nearest others, an item's ``own`` place left out."""
        k = min(self.n_neighbors, len(others))
        places = np.empty((len(units), k), dtype=np.int64)
        cosines = np.empty((len(units), k), dtype=np.float32)
        for rows in row_blocks(len(units), len(others), 2 * _SCORE_BYTES):  # of float64
            block = units[rows] @ others.T
            if own is not None:
                block[np.arange(len(block)), own[rows]] = 0
            places[rows] = top_k(block, k)
            cosines[rows] = np.take_along_axis(block, places[rows], axis=1)
        offsets = np.arange(len(units) + 1) * k
        shape = (len(units), len(others))
        found = sp.csr_array((cosines.ravel().clip(0), places.ravel(), offsets), shape=shape)
        found.eliminate_zeros()
        found.sort_indices()
        return found


def _mean_of(features):
    """Mean of the vectors divided by their lengths, zero vectors left out, shape (d,)."""
    total, n_rows = np.zeros(features.shape[1]), 0
    for rows in row_blocks(*features.shape):
        block, lengths = read_rows(features, rows, normalize=True, name="the item features")
        total += block.sum(axis=0)
        n_rows += int((lengths > 0).sum())
    return total / max(1, n_rows)


def strongest(matrix, n_kept):
    """The largest entries of each row, ties in column order.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array of shape (n, m)
        Entries above 0.
    n_kept : int
        Most entries of a row.

    Returns
    -------
    kept : scipy.sparse.csr_array of shape (n, m)
        Rows in the order of their columns.
    """
    lengths = np.diff(matrix.indptr)
    if lengths.max(initial=0) <= n_kept:
        return matrix
    rows = np.repeat(np.arange(lengths.size), lengths)
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(order.size) - matrix.indptr[rows]
    kept = np.sort(order[place < n_kept])
    offsets = np.concatenate([[0], np.cumsum(np.minimum(lengths, n_kept))])
    found = (matrix.data[kept], matrix.indices[kept], offsets)
    return sp.csr_array(found, shape=matrix.shape)
