"""EnsembleRecommender: what a vote and a stack of recommenders share."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from abc import abstractmethod
from copy import copy
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skace._sklearn_compat import BaseComposition
from skace._typing import HandleUnknown, Members
from skace.data import Catalog
from skace.data._built import queries_over
from skace.exceptions import FutureLeakageWarning, RowOrderWarning
from skace.metrics._target_ranks import without_exclusion
from skace.recommenders._base import SequentialRecommender

__all__ = ["EnsembleRecommender", "is_dropped", "standardize"]


class EnsembleRecommender(SequentialRecommender, BaseComposition):
    """Recommenders whose scores are made comparable, weighted and added.

    A subclass implements `_comparable` and in `_fit_ensemble` sets ``weights_``.
    """

    _parameter_constraints: dict = {
        **SequentialRecommender._parameter_constraints,
        "estimators": [list],
    }

    _gives_vectors = False

    def __init__(
        self,
        estimators: Members,
        *,
        k: int = 10,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
    ) -> None:
        super().__init__(k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.estimators = estimators

    @abstractmethod
    def _fit_ensemble(self, X, weights, X_val):
        """Fit the members and set ``weights_``."""

    @abstractmethod
    def _comparable(self, scores):
        """Scores of shape (n_rows, n_items), float32, of a scale that all members share.

        The array may be written to; ``-inf`` marks items that the member cannot score.
        """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, those of the estimators and the estimators themselves by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to go into the estimators.

        Returns
        -------
        params : dict
            By name, as ``ease__regularization``.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of the estimators, or an estimator by its name.

        Parameters
        ----------
        **params : dict
            By name, as ``ease__regularization=100`` or ``ease="drop"``.

        Returns
        -------
        self : object
            The estimator.
        """
        self._set_params("estimators", **params)
        return self

    # Learning.

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        for name, member in self._members():
            if not hasattr(_last_step(member), "decision_function"):
                raise TypeError(
                    f"estimators: {name!r} is {type(member).__name__}, which has no "
                    "decision_function; give recommenders, or Pipelines that end in one."
                )
        if not fresh:
            self._check_same_members()

    def _check_same_members(self):
        """Raise unless the estimators are those that were fitted."""
        kinds = [
            {name: type(_last_step(member)).__name__ for name, member in members}
            for members in (self._members(), self.named_estimators_.items())
        ]
        if list(kinds[0].items()) != list(kinds[1].items()):
            raise ValueError(
                f"estimators are {kinds[0]}, but those that were fitted, which are to learn "
                f"further, are {kinds[1]}; set them back, or fit anew."
            )

    def _members(self):
        """Named estimators that take part."""
        entries = self.estimators
        if not entries or not all(isinstance(e, tuple) and len(e) == 2 for e in entries):
            raise ValueError(
                "estimators must be a list of at least one (name, estimator) tuple, got "
                f"{entries!r}."
            )
        self._validate_names([name for name, _ in entries])
        members = [(name, e) for name, e in entries if not is_dropped(e)]
        if not members:
            raise ValueError("estimators are all 'drop'; keep at least one.")
        return members

    def _fit_rows(self, rows, task):
        if rows.n_passes is not None and not rows.is_fresh:
            fitted = [_fit_further(member, rows.X, rows.weights) for member in self.estimators_]
            self._keep(fitted)
        else:
            self._fit_ensemble(rows.X, rows.weights, rows.X_val)

    def _fit_members(self, X, weights, X_val):
        """Set the estimators, fitted on rows."""
        fitted = []
        for _, member in self._members():
            member = clone(member)  # noqa: PLW2901 - the given one is not touched
            if not isinstance(member, FrozenEstimator):
                _set_k(member, self.k)
                _fit_member(member, X, weights, X_val)
            fitted.append(member)
        self._keep(fitted)

    def _keep(self, fitted):
        """Set the fitted estimators."""
        names = [name for name, _ in self._members()]
        self.estimators_ = fitted
        self.named_estimators_ = Bunch(**dict(zip(names, fitted, strict=True)))

    # Answering.

    def _score(self, histories, columns=None):
        total = np.zeros((len(histories), self.item_ids_.size), dtype=np.float32)
        queries = self._queries(histories)
        for weight, member in zip(self.weights_, self.estimators_, strict=True):
            if weight:
                votes = self._votes(member, queries)
                votes *= np.float32(weight)
                total += votes
        return total if columns is None else total[:, columns]

    def _queries(self, histories):
        """The histories as questions over our own items."""
        if not hasattr(self, "_vocabulary"):
            self._vocabulary = Catalog(self.item_ids_)
        return queries_over(
            self._vocabulary, histories.items, histories.starts, histories.ends, histories.times
        )

    def _votes(self, member, queries):
        """Scores of an estimator, made comparable, in our columns: a new float32 array."""
        # Answers depend on the ids of the history alone, so the steps before need not run.
        # Which of them may be unknown was decided for all members together.
        model = _skipping_unknown(without_exclusion(_last_step(member)))
        scores = np.array(model.decision_function(queries), dtype=np.float32)
        if not np.array_equal(model.item_ids_, self.item_ids_):
            places = Catalog(model.item_ids_).row_of(self.item_ids_)
            scores = scores[:, places]
            scores[:, places < 0] = -np.inf
        return self._comparable(scores)


def is_dropped(estimator):
    """Whether an estimator is only the word that leaves it out."""
    return isinstance(estimator, str) and estimator == "drop"


def _skipping_unknown(model):
    """Model that skips ids which it does not know; the given one is not changed."""
    if getattr(model, "handle_unknown", "ignore") == "ignore":
        return model
    model = copy(model)
    model.handle_unknown = "ignore"
    return model


def _last_step(estimator):
    """The recommender inside of pipelines, fitted searches and frozen estimators."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return estimator


def _set_k(estimator, k):
    """Let a member answer lists of our length: its own might exceed the catalog."""
    last = _last_step(estimator)
    if "k" in last.get_params(deep=False):
        last.set_params(k=k)


def _fit_member(estimator, X, weights, X_val):
    """Fit an estimator or a Pipeline."""
    has_prefix = isinstance(estimator, Pipeline) and not get_config()["enable_metadata_routing"]
    prefix = f"{estimator.steps[-1][0]}__" if has_prefix else ""
    extra = {"X_val": None if X_val is None else X_val.as_validation()}
    X, extra["sample_weight"] = _weights_apart(X, weights)
    given = {prefix + name: value for name, value in extra.items() if value is not None}
    with warnings.catch_warnings():
        # This model has warned of the same rows already, and the weights are in their order.
        warnings.simplefilter("ignore", FutureLeakageWarning)
        warnings.simplefilter("ignore", RowOrderWarning)
        estimator.fit(X, **given)


def _weights_apart(X, weights):
    """Rows without weights of their own, and these: members of third parties read them so."""
    return X.with_weights(None), None if weights is None else weights[X._ends]


def _fit_further(estimator, X, weights):
    """Copy of a fitted estimator that has learned new rows; a frozen one comes back as it is."""
    if isinstance(estimator, FrozenEstimator):
        return estimator
    if isinstance(estimator, Pipeline):
        *steps, (name, last) = estimator.steps
        for _, step in steps:
            X = X if step in (None, "passthrough") else step.transform(X)
        pipeline = copy(estimator)
        pipeline.steps = [*steps, (name, _fit_further(last, X, weights))]
        return pipeline
    X, sample_weight = _weights_apart(X, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureLeakageWarning)
        warnings.simplefilter("ignore", RowOrderWarning)
        return copy(estimator).partial_fit(X, sample_weight=sample_weight)


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
