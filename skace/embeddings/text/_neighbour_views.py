"""NeighbourViews: a view of an item, and one of an item that stood next to it in a log."""
# SPDX-License-Identifier: BSD-3-Clause

import hashlib

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from skace._typing import IntArray
from skace.embeddings.text._contrastive_views import AttributeViews, ViewPair
from skace.embeddings.text._taught_rows import TaughtRows

__all__ = ["NeighbourViews", "neighbours"]


def neighbours(rows: TaughtRows, text_of_item: IntArray, n_texts: int) -> sp.csr_array:
    """Weights with which texts stood next to each other, in either order.

    Parameters
    ----------
    rows : TaughtRows
        What users did.
    text_of_item : ndarray of shape (n_items,)
        Number of the text of each item, -1 for those without.
    n_texts : int
        Number of texts.

    Returns
    -------
    weights : scipy.sparse.csr_array of shape (n_texts, n_texts)
        Symmetric: the sum of the weights of the later rows. Nothing on the diagonal.
    """
    later = rows.follows
    before, after = text_of_item[rows.items[later - 1]], text_of_item[rows.items[later]]
    is_pair = (before >= 0) & (after >= 0) & (before != after)
    pairs = (before[is_pair], after[is_pair])
    found = sp.coo_array((rows.weights[later[is_pair]], pairs), shape=(n_texts, n_texts)).tocsr()
    both = sp.csr_array(found + found.T)
    both.sort_indices()
    return both


class NeighbourViews:
    """Items of which views are drawn together with views of their neighbours in a log.

    The other view of an item is one of a neighbour, drawn in proportion to the weights; of an
    item that has none it is another view of itself.

    Parameters
    ----------
    views : AttributeViews
        Views of the items by themselves.
    weights : scipy.sparse.csr_array of shape (n_items, n_items)
        As `neighbours` gives them, with at least one entry.
    """

    can_differ = True

    def __init__(self, views: AttributeViews, weights: sp.csr_array) -> None:
        self._views = views
        self._weights = weights
        self._sums = np.append(0.0, np.cumsum(weights.data))

    def __len__(self) -> int:
        return len(self._views)

    def draw_pair(self, rows: IntArray, rng: np.random.RandomState) -> ViewPair:
        """Text of a view of each of these items, and of one of a neighbour of each."""
        partners = self.partners(rows, rng)
        first, second = self._views.draw(rows, rng), self._views.draw(partners, rng)
        return ViewPair(first, second, self.belong(rows, partners))

    def partners(self, rows: IntArray, rng: np.random.RandomState) -> IntArray:
        """Draw a neighbour of each of these items; those without are their own."""
        begin, end = self._weights.indptr[rows], self._weights.indptr[rows + 1]
        low, high = self._sums[begin], self._sums[end]
        at = low + rng.random_sample(rows.size) * (high - low)
        places = np.searchsorted(self._sums, at, side="right") - 1
        # The sum of a draw just below the end may be rounded to the end.
        places = np.minimum(places, np.maximum(end, 1) - 1)
        return np.where(begin == end, rows, self._weights.indices[places])

    def belong(self, rows: IntArray, partners: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each partner is the item, or one that stood next to it, (n_rows, n_rows)."""
        are_neighbours = self._weights[rows][:, partners].toarray() > 0
        belongs: npt.NDArray[np.bool_] = are_neighbours | (rows[:, None] == partners)
        return belongs

    def digest(self) -> str:
        """Hash of all values and of who stood next to whom."""
        digest = hashlib.blake2b(self._views.digest().encode(), digest_size=16)
        for part in (self._weights.indptr, self._weights.indices, self._weights.data):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()
