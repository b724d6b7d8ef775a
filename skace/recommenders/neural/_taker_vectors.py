"""Vectors of items by who took them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

__all__ = ["beside", "taker_vectors"]

_WIDTH = 64


def taker_vectors(users, items, n_items, rng):
    """Principal directions of which users took an item.

    Parameters
    ----------
    users, items : ndarray of shape (n_events,)
        Who took what.

    n_items : int
        Number of items.

    rng : numpy.random.RandomState
        Of the decomposition.

    Returns
    -------
    vectors : ndarray of shape (n_items, n_columns)
        At most 64 columns, as many as there are items or users; zero for items that nobody took.
    """
    _, users = np.unique(users, return_inverse=True)
    shape = (n_items, int(users.max()) + 1)
    taken = normalize(sp.csr_array((np.ones(users.size), (items, users)), shape=shape))
    # Five iterations, as TruncatedSVD makes them, which refuses a single user.
    left, spread, _ = randomized_svd(taken, min(_WIDTH, *shape), n_iter=5, random_state=rng)
    return left * spread


def beside(features, takers):
    """Both vectors of each item side by side, each of length one (or zero)."""
    return np.hstack([normalize(features), normalize(takers)])
