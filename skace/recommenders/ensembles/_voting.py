"""VotingRecommender: several recommenders answer together."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from skace._sklearn_compat import StrOptions
from skace._typing import HandleUnknown, Members
from skace.recommenders.ensembles._base import standardize
from skace.recommenders.ensembles._named import NamedEnsemble, is_dropped

__all__ = ["VotingRecommender"]

_FUSION_CONSTANT = 60  # of reciprocal rank fusion, as published


class VotingRecommender(NamedEnsemble):
    """Weighted vote of several recommenders.

    Neural and linear models make different errors, so their blend is often better than either.
    Choose the weights by a grid search, or use `StackingRecommender`, which learns them.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Recommenders, or Pipelines that end in a recommender. They are cloned and fitted on the rows
        of `fit`. Pass a fitted one as ``sklearn.frozen.FrozenEstimator(model)``. ``"drop"`` in
        place of an estimator leaves it out.

    k : int, default=10
        Length of the lists that `predict` returns, also those of the fitted estimators.

    weights : array-like of shape (n_estimators,) or None, default=None
        Weight of each estimator, at least 0, and at least one above 0. None: equal weights.

    method : {"score", "rank"}, default="score"
        "score": the scores of each row are shifted and scaled to mean 0 and standard
        deviation 1 over the items, then averaged. "rank": reciprocal rank fusion, the
        average of ``1 / (60 + rank)`` with ranks from 1 [1]_.

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations. The parameters of the estimators
        have no effect.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that this model was not fitted on. The parameters of the
        estimators have no effect.

    n_jobs : int or None, default=None
        Number of processes that fit estimators in parallel, as in joblib: None is 1 (or what
        ``joblib.parallel_config`` says), -1 is all processors. Steps that several Pipelines begin
        with in common are fitted once in any case.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        Training rows per item, weighted by ``sample_weight``. It ranks items for empty histories.

    estimators_ : list of estimators
        The fitted estimators, without the dropped ones.

    named_estimators_ : sklearn.utils.Bunch
        The fitted estimators by name.

    weights_ : ndarray of shape (n_estimators_,), float64
        Their weights, which sum to 1.

    Notes
    -----
    An item that one estimator cannot score (a cold item of EASE) gets the lowest score that
    this estimator gives in the row. Scores are computed in blocks of rows.

    Stability: provisional.

    References
    ----------
    .. [1] Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and
       individual Rank Learning Methods", SIGIR 2009.

    Examples
    --------
    >>> from skace.recommenders import EASEEstimator, PopularityEstimator, VotingRecommender
    >>> members = [("ease", EASEEstimator(regularization=1)), ("top", PopularityEstimator())]
    >>> model = VotingRecommender(members, k=1, weights=[0.9, 0.1])
    >>> model.fit([["pen", "ink"], ["pen", "ink"], ["cap", "hat"]]).predict([["cap"]])
    array([['hat']], dtype='<U3')
    """

    _parameter_constraints: dict = {
        **NamedEnsemble._parameter_constraints,
        "weights": ["array-like", None],
        "method": [StrOptions({"score", "rank"})],
    }

    def __init__(
        self,
        estimators: Members,
        *,
        k: int = 10,
        weights: ArrayLike | None = None,
        method: Literal["score", "rank"] = "score",
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            estimators,
            k=k,
            exclude_seen=exclude_seen,
            handle_unknown=handle_unknown,
            n_jobs=n_jobs,
        )
        self.weights = weights
        self.method = method

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        self._checked_weights()

    def _checked_weights(self):
        """Weights of the members that take part; they sum to 1."""
        n_estimators = len(self.estimators)
        given = np.ones(n_estimators) if self.weights is None else self.weights
        weights = np.asarray(given, dtype=np.float64)
        if weights.shape != (n_estimators,):
            raise ValueError(
                f"weights must have one value per estimator: expected shape "
                f"({len(self.estimators)},), got {weights.shape}."
            )
        weights = weights[[not is_dropped(e) for _, e in self.estimators]]
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ValueError(
                "weights must be finite, not negative, and positive for at least one estimator "
                f"that takes part, got {self.weights!r}."
            )
        return weights / weights.sum()

    def _fit_ensemble(self, X, weights, X_val):
        self._fit_members(X, weights, X_val)
        self.weights_ = self._checked_weights()

    def _comparable(self, scores):
        return standardize(scores) if self.method == "score" else _reciprocal_ranks(scores)


def _reciprocal_ranks(scores):
    """1 / (60 + rank), ranks from 1, ties averaged."""
    return (1 / (_FUSION_CONSTANT + rankdata(-scores, axis=1))).astype(np.float32)
