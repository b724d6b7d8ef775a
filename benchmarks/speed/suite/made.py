"""Made-up vectors and logs of the sizes that benchmarks ask for."""
# SPDX-License-Identifier: BSD-3-Clause

from functools import lru_cache

import numpy as np

from skace import Catalog, Interactions

__all__ = ["made_log", "made_vectors"]


@lru_cache(maxsize=2)
def made_vectors(n_items, n_features):
    """Vectors in a narrow cone with a falling spectrum, shape (n_items, n_features), float32."""
    rng = np.random.default_rng(0)
    scales = np.arange(1, n_features + 1) ** -0.5
    vectors = rng.standard_normal((n_items, n_features), dtype=np.float32) * scales
    vectors += 0.5 * rng.standard_normal(n_features)
    return vectors.astype(np.float32)


@lru_cache(maxsize=2)
def made_log(n_users, n_items, n_events, n_features=None):
    """Visitors whose numbers of events and items follow power laws, as in a shop."""
    rng = np.random.default_rng(0)
    shares = rng.pareto(2.0, n_users) + 1
    lengths = np.maximum(3, (n_events * shares / shares.sum()).astype(int))
    popularity = np.arange(1, n_items + 1) ** -0.8
    items = rng.choice(n_items, size=lengths.sum(), p=popularity / popularity.sum())
    features = None if n_features is None else made_vectors(n_items, n_features)
    catalog = Catalog(np.arange(n_items), features)
    return Interactions(np.repeat(np.arange(n_users), lengths), items, catalog=catalog)
