"""Item vectors behind what a display is given."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skace.data import Interactions

__all__ = ["check_named", "fitted_model", "item_counts", "item_vectors", "sample_rows"]


def item_vectors(X):
    """Features of the catalog of Interactions, or X itself as an array."""
    if not isinstance(X, Interactions):
        return np.asarray(X)
    if not (isinstance(X.catalog.features, np.ndarray) and X.catalog.features.ndim == 2):
        raise ValueError(
            "X.catalog has no dense vectors to draw; build Interactions with "
            "catalog=Catalog(item_ids, vectors), or pass what an item transformer returned."
        )
    return X.catalog.features


def item_counts(X):
    """Number of events of each catalog item among the rows, each once, shape (n_items,)."""
    _, firsts = np.unique(X._ends, return_index=True)
    return np.bincount(X._item_codes[firsts], minlength=X.n_items)


def check_named(matrices, name):
    """Matrices by name; anything but a filled mapping is refused."""
    if not isinstance(matrices, Mapping) or not matrices:
        raise TypeError(
            f"{name} must be a dict of names and values, such as {{'before': ...}}, got "
            f"{type(matrices).__name__}{' that is empty' if isinstance(matrices, Mapping) else ''}."
        )
    return {str(key): value for key, value in matrices.items()}


def fitted_model(estimator):
    """Last step of the pipelines and searches that an estimator is wrapped in."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def sample_rows(n_rows, n_most, rng):
    """Sorted numbers of at most ``n_most`` rows, all for None."""
    if n_most is None or n_most >= n_rows:
        return np.arange(n_rows)
    return np.sort(rng.choice(n_rows, n_most, replace=False))
