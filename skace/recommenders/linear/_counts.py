"""Sums over regression rows from which closed forms follow: sparse to keep, dense to use up."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from skace.recommenders.linear._closed_form import row_slices

__all__ = ["Counts", "dense_counts", "sparse_counts"]

_ENTRIES = 4_000_000  # of the regression rows that are held at once
_MIN_ENTRIES = 2**14
_SHARE = 128  # of a dense matrix, as a divisor, that the rows beside it may have as entries


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Sums over the training rows from which all weights follow."""

    gram: sp.csr_array | np.ndarray  # (n_items, n_items) X^T W X of the inputs
    # X^T W Y with the targets; None where they are the inputs
    cross: sp.csr_array | np.ndarray | None = None

    @property
    def n_bytes(self):
        """Memory of sparse counts."""
        held = (self.gram,) if self.cross is None else (self.gram, self.cross)
        return sum(m.data.nbytes + m.indices.nbytes + m.indptr.nbytes for m in held)

    def grown(self, n_items):
        """The same sparse sums for more items."""
        cross = None if self.cross is None else _grow(self.cross, n_items)
        return Counts(_grow(self.gram, n_items), cross)

    def plus(self, other, sign=1):
        """Sum, or difference, of two sparse counts."""
        gram = self.gram + sign * other.gram
        if self.cross is None and other.cross is None:
            return Counts(gram)
        pair = [c.gram if c.cross is None else c.cross for c in (self, other)]
        return Counts(gram, pair[0] + sign * pair[1])


def sparse_counts(rows_of, n_items):
    """Counts that can be kept, compared and added up.

    Parameters
    ----------
    rows_of : callable
        Takes the number of entries that may be held at once, and yields parts of the
        regression rows: inputs X, weighted inputs W X, and targets Y or None, each a sparse
        array of shape (n_rows, n_items).
    n_items : int
        Number of columns.

    Returns
    -------
    counts : Counts
        CSR, float64.
    """

    def add(total, left, right):
        """Sum with a product."""
        product = left.T.tocsr() @ right  # in CSC the sum would have to be copied
        return product if total is None else total + product

    gram, cross = _sums(rows_of(_ENTRIES), add)
    return Counts(sp.csr_array((n_items, n_items)) if gram is None else gram, cross)


def dense_counts(rows_of, n_items, dtype):
    """Counts in the memory of one matrix each, however many pairs of items there are.

    Parameters
    ----------
    rows_of : callable
        As for `sparse_counts`.
    n_items : int
        Number of columns.
    dtype : {"float32", "float64"}
        Of the sums.

    Returns
    -------
    counts : Counts
        Dense, C order.
    """

    def add(total, left, right):
        """Sum with a product, block by block."""
        total = np.zeros((n_items, n_items), dtype) if total is None else total
        left = left.T.tocsr()
        for rows in row_slices(total):
            total[rows] += (left[rows] @ right).toarray()
        return total

    n_entries = max(_MIN_ENTRIES, n_items**2 // _SHARE)
    gram, cross = _sums(rows_of(n_entries), add)
    return Counts(np.zeros((n_items, n_items), dtype) if gram is None else gram, cross)


def _sums(parts, add):
    """Gram and cross products over all parts; None where no part has any."""
    gram = cross = None
    for inputs, weighted, targets in parts:
        gram = add(gram, inputs, weighted)
        if targets is not None:
            cross = add(cross, weighted, targets)
    return gram, cross


def _grow(matrix, n_items):
    """Copy with more rows and columns."""
    matrix = matrix.copy()
    matrix.resize((n_items, n_items))
    return matrix
