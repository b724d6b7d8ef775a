"""Coordinates in which item vectors are near if queries score them alike."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["QuerySpace"]

_POWER = 0.25  # of what queries tell of a direction; with 1, a few directions decide everything
_LEAST = 1e-4  # told of a direction, beside that of which most is told


class QuerySpace:
    """Coordinates for item vectors and queries, in which their inner products stay the same.

    Two items that all queries score alike are one to a search, however far apart their vectors are
    where no query looks. So directions are stretched by the share that queries have in them, and
    queries are shrunk there by as much.

    Parameters
    ----------
    queries : ndarray of shape (n, D)
        Typical ones.
    steps : ndarray of shape (D,)
        Units in which columns of item vectors are alike.

    Raises
    ------
    ValueError
        If all queries are zeros.
    """

    def __init__(self, queries, steps):
        if not queries.any():
            raise ValueError("queries are all zeros; pass what encode returns for some users.")
        asked = queries * steps
        asked /= _or_one(np.abs(asked).max(axis=1, keepdims=True))  # whose squares float32 can hold
        # Of a query its direction counts alone.
        asked /= _or_one(np.linalg.norm(asked, axis=1, keepdims=True))
        told, directions = np.linalg.eigh(asked.T @ asked)
        stretch = np.maximum(told, _LEAST * told[-1]) ** (_POWER / 2)
        self._forth = directions * stretch / steps[:, None]
        self._back = directions / stretch * steps[:, None]

    def of_vectors(self, vectors):
        """Item vectors in these coordinates."""
        return vectors @ self._forth

    def of_queries(self, queries):
        """Queries in these coordinates."""
        return queries @ self._back


def _or_one(sizes):
    """Sizes to divide by, 1 for those of nothing."""
    return np.where(sizes > 0, sizes, 1)
