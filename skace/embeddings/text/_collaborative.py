"""Categories of items that a recommender of ids has found in a log."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from skace._typing import IntArray
from skace.data import Interactions
from skace.data._log import take_events

__all__ = ["collaborative_categories", "log_of_rows", "seeded"]

_N_STARTS = 3  # of k-means


def log_of_rows(X: Interactions, positions: IntArray) -> Interactions:
    """Log that holds nothing but these events, without the features of the catalog."""
    is_kept = np.zeros(X._log.n_events, dtype=bool)
    is_kept[positions] = True
    log = take_events(X._log, is_kept)
    return X._derive(log=log, ends=np.arange(log.n_events)).with_features(None)


def seeded(estimator: Any, rng: np.random.RandomState) -> Any:
    """Clone of an estimator, with seeds where it has none."""
    copy = clone(estimator)
    names = [name for name in sorted(copy.get_params()) if name.endswith("random_state")]
    seeds = {name: rng.randint(np.iinfo(np.int32).max) for name in names}
    free = {name: seed for name, seed in seeds.items() if copy.get_params()[name] is None}
    return copy.set_params(**free)


def collaborative_categories(
    estimator: Any, X: Interactions, n_categories: int, rng: np.random.RandomState
) -> IntArray:
    """Fit a recommender, and cluster the directions of the vectors of the items that it learned.

    Parameters
    ----------
    estimator : estimator
        Fitted here, in place.
    X : Interactions
        The whole log is learned from.
    n_categories : int
        Number of clusters; as many as there are items if these are fewer, with a warning.
    rng : numpy.random.RandomState
        Seeds k-means.

    Returns
    -------
    categories : ndarray of shape (n_items,)
        Cluster of each item of the catalog; -1 for those that were not learned.

    Raises
    ------
    ValueError
        If the recommender has no vectors of items, or has learned none.
    """
    estimator.fit(X)
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(model, "item_vectors_"):
        raise ValueError(
            f"estimator, a {type(model).__name__}, has no item_vectors_ to make categories of; "
            "pass a recommender that learns a vector for each item, such as SASRecEstimator()."
        )
    warm = _warm_items(model, X)
    categories = np.full(X.n_items, -1, dtype=np.int64)
    categories[warm] = _clusters(model.item_vectors_[model_rows(model, X, warm)], n_categories, rng)
    return categories


def model_rows(model: Any, X: Interactions, items: IntArray) -> IntArray:
    """Rows of a model's ``item_vectors_`` for rows of the catalog."""
    places = X.catalog.row_of(model.item_ids_)
    found = np.full(X.n_items, -1, dtype=np.int64)
    found[places[places >= 0]] = np.flatnonzero(places >= 0)
    rows: IntArray = found[items]
    return rows


def _warm_items(model: Any, X: Interactions) -> IntArray:
    """Rows of the catalog of the items that a model has learned."""
    items = np.unique(X._item_codes)
    rows = model_rows(model, X, items)
    is_cold = getattr(model, "is_cold_", np.zeros(model.item_ids_.size, dtype=bool))
    warm: IntArray = items[(rows >= 0) & ~is_cold[rows]]
    if warm.size == 0:
        raise ValueError(
            f"estimator, a {type(model).__name__}, has learned no item, so that there are no "
            "categories to teach; give it more rows."
        )
    return warm


def _clusters(vectors: Any, n_clusters: int, rng: np.random.RandomState) -> IntArray:
    """Cluster of each row by its direction, numbered from 0 without gaps."""
    from sklearn.cluster import KMeans  # forty modules, for nobody else

    rows = normalize(vectors)
    if n_clusters > rows.shape[0]:
        warnings.warn(
            f"n_categories={n_clusters} is more than the {rows.shape[0]} item(s) that were "
            "learned: each of them becomes a category of its own.",
            UserWarning,
            stacklevel=2,
        )
    kmeans = KMeans(
        min(n_clusters, rows.shape[0]),
        n_init=_N_STARTS,
        random_state=rng.randint(np.iinfo(np.int32).max),
    )
    # One thread: sums of several come in another order on another machine.
    with threadpool_limits(1), warnings.catch_warnings():
        # Items of equal vectors share a cluster, and there are fewer clusters: nothing is wrong.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = kmeans.fit_predict(rows)
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers.ravel().astype(np.int64)
