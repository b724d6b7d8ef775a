"""Checks of partial_fit: new events, new items."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace.data import Catalog, Interactions
from skace.testing._data import more_features
from skace.testing._lacking import answers_lists
from skace.testing._tools import assert_same_scores, fitted, require, require_scores, unfitted

__all__ = ["GROWTH_CHECKS"]


@answers_lists
def check_partial_fit_adds_new_events(estimator, data):
    """Counts add up, and columns stay."""
    model = fitted(estimator, data.X_train)
    ids = model.item_ids_
    require(model.partial_fit(data.X_test) is model, "partial_fit must return self.")
    np.testing.assert_array_equal(model.item_ids_, ids)
    counts = (data.X.items[:, None] == ids).sum(axis=0)
    np.testing.assert_array_equal(model.item_counts_, counts)
    require_scores(model.decision_function(data.histories), model, "scores after partial_fit")


@answers_lists
def check_partial_fit_adds_new_items(estimator, data):
    """New items join after the others, with scores of their own."""
    model = fitted(estimator, data.X)
    joined, new_ids = _with_new_items(data.X)
    model.partial_fit(joined[np.isin(joined.items, new_ids)])
    np.testing.assert_array_equal(model.item_ids_[: data.X.n_items], data.X.catalog.item_ids)
    np.testing.assert_array_equal(np.sort(model.item_ids_[data.X.n_items :]), np.sort(new_ids))
    scores = model.decision_function([[new_ids[0]], *data.histories])
    require(scores.shape == (4, data.X.n_items + 2), "new items must have columns.")
    require_scores(scores, model, "scores of new items")
    best = model.recommend(data.histories, candidates=new_ids, k=2)[0]
    require(set(best.ravel()) == set(new_ids), "new items must be candidates.")
    require(np.isfinite(model.target_ranks(joined)).all(), "new items must have ranks.")


def check_partial_fit_without_rows_changes_nothing(estimator, data):
    """No rows, no change."""
    model = fitted(estimator, data.X)
    before = model.decision_function(data.X)
    model.partial_fit(data.X[[]])
    assert_same_scores(model.decision_function(data.X), before, "partial_fit of no rows", atol=0)


def check_partial_fit_can_come_first(estimator, data):
    """An unfitted model learns from partial_fit as well."""
    model = unfitted(estimator).partial_fit(data.X)
    np.testing.assert_array_equal(model.item_ids_, data.X.catalog.item_ids)
    require(model.predict(data.X).shape == (len(data.X), 4), "predict must work after it.")


def check_fit_after_partial_fit_starts_anew(estimator, data):
    """A fit forgets what partial_fit has added."""
    model = fitted(estimator, data.X).partial_fit(_with_new_items(data.X)[0])
    model.fit(data.X)
    expected = fitted(estimator, data.X)
    np.testing.assert_array_equal(model.item_counts_, expected.item_counts_)
    scores = expected.decision_function(data.X)
    assert_same_scores(model.decision_function(data.X), scores, "fit after partial_fit")


def _with_new_items(X):
    """The log of X followed by one event of each of two new items, and the new ids."""
    new_ids = ["another-item", "item-99"]
    features = X.catalog.features
    if features is not None:
        features = np.concatenate([features, more_features(features, 2)])
    catalog = Catalog(np.concatenate([X.catalog.item_ids, new_ids]), features)
    users, counts = np.unique(X.users, return_counts=True)
    busiest = users[np.argsort(counts)[-2:]]
    more = Interactions(busiest, new_ids, np.full(2, X.timestamps.max() + 1), catalog=catalog)
    return Interactions.concat([X, more]), new_ids


GROWTH_CHECKS = (
    check_partial_fit_adds_new_events,
    check_partial_fit_adds_new_items,
    check_partial_fit_without_rows_changes_nothing,
    check_partial_fit_can_come_first,
    check_fit_after_partial_fit_starts_anew,
)
