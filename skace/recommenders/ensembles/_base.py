"""EnsembleRecommender: several fitted recommenders that answer together."""
# SPDX-License-Identifier: BSD-3-Clause

from abc import abstractmethod

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skace.data import Catalog
from skace.data._built import queries_over
from skace.metrics._target_ranks import without_exclusion
from skace.recommenders._base import SequentialRecommender
from skace.recommenders.ensembles._members import fit_further, last_step

__all__ = ["EnsembleRecommender", "standardize"]


class EnsembleRecommender(SequentialRecommender):
    """Recommenders whose scores are made comparable, weighted and added.

    A subclass implements `_comparable`. In `_keep` it sets the fitted recommenders; in
    `_fit_ensemble` it fits them and sets ``weights_``.
    """

    _gives_vectors = False
    _scores_all_items = True

    @abstractmethod
    def _fit_ensemble(self, X, weights, X_val):
        """Fit the members and set ``weights_``."""

    @abstractmethod
    def _comparable(self, scores):
        """Scores of shape (n_rows, n_items), float32, of a scale that all members share.

        The array may be written to; ``-inf`` marks items that the member cannot score.
        """

    # Learning.

    @abstractmethod
    def _keep(self, fitted):
        """Set the fitted estimators, in their order: ``estimators_``."""

    def _fit_rows(self, rows, task):
        if rows.n_passes is not None and not rows.is_fresh:
            fitted = [fit_further(member, rows.X, rows.weights) for member in self.estimators_]
            self._keep(fitted)
        else:
            self._fit_ensemble(rows.X, rows.weights, rows.X_val)

    # Answering.

    def _score(self, histories, columns=None):
        total = np.zeros((len(histories), self.item_ids_.size), dtype=np.float32)
        for place, member in enumerate(self.estimators_):
            weight = self._weight_at(place, histories)
            if np.any(weight):
                votes = self._votes(member, histories)
                votes *= weight
                total += votes
        return total if columns is None else total[:, columns]

    def _weight_at(self, place, histories):
        """Weight of an estimator, float32: one, or of a shape that is that of the scores."""
        return np.float32(self.weights_[place])

    def _votes(self, member, histories):
        """Scores of an estimator, made comparable, in our columns: a new float32 array."""
        # Answers depend on the ids of the history alone, so the steps before need not run.
        # Which of them may be unknown was decided for all members together.
        model = last_step(member)
        check_is_fitted(model)
        if np.array_equal(model.item_ids_, self.item_ids_):
            return self._comparable(_scores_of(model, histories, self.item_ids_))
        places = Catalog(model.item_ids_).row_of(self.item_ids_)
        scores = _scores_of(model, histories.in_columns(places), model.item_ids_)[:, places]
        scores[:, places < 0] = -np.inf
        return self._comparable(scores)


def _scores_of(model, histories, item_ids):
    """What a model says of histories in its own columns, seen items included: a new array."""
    if isinstance(model, SequentialRecommender):
        return model._scores_of(histories)
    # Whoever only promises `decision_function` is asked as users would ask.
    spans = histories.starts, histories.ends
    queries = queries_over(Catalog(item_ids), histories.items, *spans, histories.times)
    return np.array(without_exclusion(model).decision_function(queries), dtype=np.float32)


def standardize(scores):
    """Give rows mean 0 and standard deviation 1 over the items that have a score, in place."""
    is_missing = ~np.isfinite(scores)
    n_known = np.maximum(scores.shape[1] - is_missing.sum(axis=1, keepdims=True), 1)
    scores[is_missing] = 0
    scores -= (scores.sum(axis=1, keepdims=True, dtype=np.float64) / n_known).astype(np.float32)
    scores[is_missing] = 0
    squares = np.einsum("ij,ij->i", scores, scores, dtype=np.float64)[:, None]
    std = np.sqrt(squares / n_known).astype(np.float32)
    scores /= np.where(std > 0, std, 1)
    np.copyto(scores, scores.min(axis=1, keepdims=True), where=is_missing)
    return scores
