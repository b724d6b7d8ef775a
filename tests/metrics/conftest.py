"""Small models that rank by a rule that can be worked out by hand."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skace import Interactions


class ScoreModel(BaseEstimator):
    """Scores item ``column`` by a fixed table, whatever the past; no ``target_ranks``."""

    def __init__(self, table=None, exclude_seen=False, seed=0):
        self.table = table
        self.exclude_seen = exclude_seen
        self.seed = seed

    def fit(self, X, y=None):
        self.item_ids_ = X.catalog.item_ids
        self.item_counts_ = np.bincount(X._item_codes, minlength=X.n_items)
        rng = np.random.default_rng(self.seed)
        table = rng.random(X.n_items) if self.table is None else self.table
        self.table_ = np.asarray(table, dtype=np.float32)
        return self

    def decision_function(self, X):
        # A view of fitted state, read-only: callers must not write to it.
        return np.broadcast_to(self.table_, (len(X), self.table_.size))

    def predict(self, X):
        order = np.argsort(-self.table_, kind="stable")
        return np.tile(self.item_ids_[order], (len(X), 1))


class RankModel(ScoreModel):
    """The same with ``target_ranks``, row by row in plain Python."""

    def target_ranks(self, X, *, exclude_seen=None):
        exclude_seen = self.exclude_seen if exclude_seen is None else exclude_seen
        ids = self.item_ids_.tolist()
        score_of = dict(zip(ids, self.table_.tolist(), strict=True))
        ranks = []
        for row in range(len(X)):
            target = X[row].items[0]
            past = X._log.items[X._starts[row] : X._ends[row]]
            seen = set(X.catalog.item_ids[past].tolist()) if exclude_seen else set()
            if target not in score_of or target in seen:
                ranks.append(np.inf)
                continue
            others = [s for i, s in score_of.items() if i not in seen and i != target]
            better = sum(s > score_of[target] for s in others)
            ranks.append(better + 0.5 * sum(s == score_of[target] for s in others))
        return np.array(ranks, dtype=np.float64)


class FeatureModel(ScoreModel):
    """Scores an item by the first feature that X brings to ``decision_function``."""

    def decision_function(self, X):
        return np.tile(X.catalog.features[:, 0], (len(X), 1))


class Negate(BaseEstimator):
    """Transformer of an Interactions: the features change sign."""

    def fit(self, X, y=None):  # noqa: ARG002 - the signature is scikit-learn's
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return X.with_features(-X.catalog.features)


@pytest.fixture
def score_model():
    return ScoreModel


@pytest.fixture
def rank_model():
    return RankModel


@pytest.fixture
def feature_model():
    return FeatureModel


@pytest.fixture
def negate():
    return Negate


@pytest.fixture
def repeat_log():
    """Seven rows of three users over four items, with repeats in the histories."""
    return Interactions.from_sequences([["a", "b", "a"], ["c", "c"], ["d", "b"]])


@pytest.fixture
def random_log():
    """40 users with 3 to 12 events over 30 items."""
    rng = np.random.default_rng(7)
    return Interactions.from_sequences(
        [rng.integers(30, size=n).tolist() for n in rng.integers(3, 13, size=40)]
    )
