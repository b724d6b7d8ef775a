"""StackingRecommender: a vote whose weights are learned on held-out rows."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skace._sklearn_compat import Interval
from skace._topk import top_k
from skace._typing import HandleUnknown, Members, RandomState
from skace.metrics._names import parse_metrics
from skace.recommenders._holdout import check_something_remains, hold_out_last
from skace.recommenders.ensembles._base import standardize
from skace.recommenders.ensembles._named import NamedEnsemble

__all__ = ["StackingRecommender"]

_STEPS = (None, 0.02, 0.005)  # of a share; None goes through all of them
_BLOCK_BYTES = 128 * 2**20  # of the scores of all estimators that are held at once


class StackingRecommender(NamedEnsemble):
    """Weighted vote whose weights are learned.

    Each user's last training row is held out. The estimators learn from the rest, and the
    weights are those that rank the held-out items best. Then the estimators learn from all
    rows. With ``X_val`` the weights come from these rows, and the estimators
    are fitted once.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Recommenders, or Pipelines that end in one. They are cloned and fitted on the rows
        of `fit`; one that is fitted already joins as
        ``sklearn.frozen.FrozenEstimator(model)``, and must not have seen the held-out rows.
        ``"drop"`` in place of an estimator leaves it out.

    k : int, default=10
        Length of the lists that `predict` returns, also those of the fitted estimators.

    metric : str, default="ndcg@10"
        What the weights are to make large: "recall@K", "ndcg@K", "mrr@K" or "mrr".

    n_candidates : int, default=100
        Best items of each estimator between which the weights have to decide in a row.

    validation_fraction : float, default=1.0
        Share of the users whose last row is held out, in (0, 1].

    exclude_seen : bool, default=False
        Whether items of the past may not be recommended, here and while the weights are
        learned; the parameters of the estimators do not matter.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that this model was not fitted on; the parameters of
        the estimators do not matter.

    random_state : int, RandomState or None, default=None
        Chooses the users when ``validation_fraction`` is below 1. The estimators have their
        own.

    Attributes
    ----------
    item_ids_ : ndarray of shape (n_items,)
        Items in the order of the columns of `decision_function`.

    item_counts_ : ndarray of shape (n_items,), int64
        Training rows per item.

    popularity_ : ndarray of shape (n_items,), float64
        The same, counted by ``sample_weight``; answers empty histories.

    estimators_ : list of estimators
        The fitted ones, without those that were dropped.

    named_estimators_ : sklearn.utils.Bunch
        The same by name.

    weights_ : ndarray of shape (n_estimators_,), float64
        Learned weights; they sum to 1.

    n_validation_rows_ : int
        Rows from which the weights were learned.

    validation_score_ : float
        The metric on these rows, ranked among the candidates.

    Notes
    -----
    The scores of each row are brought to mean 0 and standard deviation 1 over the items. A
    target is ranked among the best items of all estimators; a metric that looks at the first
    K of them does not notice the rest as long as ``n_candidates`` is several times K.
    Such a metric is no smooth function of the weights, so they are found by search: from
    the best single estimator on, the share of one estimator after the other is
    set to the best of 21 values in [0, 1], then moved by .02 and by .005, until nothing gets
    better. On one validation set this fits a handful of numbers; it is no
    place for dozens of estimators.

    `partial_fit` keeps the weights.

    Stability: provisional.

    References
    ----------
    .. [1] Wolpert, "Stacked generalization", Neural Networks 1992.

    Examples
    --------
    >>> from skace.datasets import make_cycle
    >>> from skace.recommenders import PopularityEstimator, SLISTEstimator, StackingRecommender
    >>> X = make_cycle(n_users=200, n_items=6, length=8, random_state=0)
    >>> members = [("slist", SLISTEstimator(alpha=0)), ("top", PopularityEstimator())]
    >>> model = StackingRecommender(members, k=1).fit(X)
    >>> model.weights_.round(1)
    array([1., 0.])
    """

    _parameter_constraints: dict = {
        **NamedEnsemble._parameter_constraints,
        "metric": [str],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: Members,
        *,
        k: int = 10,
        metric: str = "ndcg@10",
        n_candidates: int = 100,
        validation_fraction: float = 1.0,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        random_state: RandomState = None,
    ) -> None:
        super().__init__(estimators, k=k, exclude_seen=exclude_seen, handle_unknown=handle_unknown)
        self.metric = metric
        self.n_candidates = n_candidates
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        if _parse(self.metric).n_candidates is not None:
            raise ValueError(f"metric={self.metric!r} samples; name one without '[uniN]'.")
        if not fresh:
            return
        if X_val is None:
            check_something_remains(X, self.validation_fraction, weights)
        elif not (X_val._ends > X_val._starts).any():
            raise ValueError(
                "no row of X_val has a past, so the weights cannot be learned from it; give rows "
                "that are not the first of their user."
            )

    def _fit_ensemble(self, X, weights, X_val):
        if X_val is not None:
            self._fit_members(X, weights, X_val)
            self.weights_ = self._learn_weights(X_val)
            return
        # None asks for fresh entropy, not for numpy's global generator.
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        held_out = hold_out_last(X, self.validation_fraction, check_random_state(rng), weights)
        rest = X._derive(ends=np.setdiff1d(X._ends, held_out))
        self._fit_members(rest, weights, None)
        learned = self._learn_weights(X._derive(ends=held_out))
        self._fit_members(X, weights, None)
        self.weights_ = learned

    def _comparable(self, scores):
        return standardize(scores)

    def _learn_weights(self, X):
        """Weights that rank the rows' own items best; they sum to 1."""
        evidence, is_rival = self._evidence(X)
        if evidence.shape[1] == 0:
            raise ValueError(
                f"none of the {len(X)} validation row(s) tells anything about the weights: their "
                "histories are empty, or the model does not know their items or may not recommend "
                "them; pass another X_val, or set exclude_seen=False."
            )
        self.n_validation_rows_ = evidence.shape[1]
        metric = _parse(self.metric)

        def score(weights):
            return metric.score(_ranks(weights, evidence, is_rival))

        weights, self.validation_score_ = best_shares(score, len(evidence))
        return weights

    def _evidence(self, X):
        """What each estimator says of the target (first) and its rivals in each row.

        Returns
        -------
        evidence : ndarray of shape (n_members, n_rows, 1 + n_rivals), float32
            Comparable scores.
        is_rival : ndarray of shape (n_rows, 1 + n_rivals), bool
            False where a rival is listed twice or may not be recommended.
        """
        histories, targets = self._histories(X), self._columns_of(X)[X._item_codes]
        rows = np.flatnonzero((histories.lengths > 0) & (targets >= 0))
        step = max(1, _BLOCK_BYTES // (4 * self.item_ids_.size * len(self.estimators_)))
        parts = [
            self._evidence_of_block(histories.take(block), targets[block])
            for block in np.split(rows, np.arange(step, rows.size, step))
        ]
        evidence, is_rival = (list(arrays) for arrays in zip(*parts, strict=True))
        return np.concatenate(evidence, axis=1), np.concatenate(is_rival)

    def _evidence_of_block(self, histories, targets):
        queries = self._queries(histories)
        votes = [self._votes(member, queries) for member in self.estimators_]
        if self.exclude_seen:
            for scores in votes:
                self._mask_seen(scores, histories, None)
        n_rivals = min(self.n_candidates, self.item_ids_.size)
        best = [top_k(scores, n_rivals) for scores in votes]
        columns = np.concatenate([targets[:, None], *best], axis=1)
        evidence = np.stack([np.take_along_axis(v, columns, axis=1) for v in votes])
        is_rival = _is_first(columns) & np.isfinite(evidence).all(axis=0)
        # A target that may not be recommended cannot be explained by any weights.
        kept = is_rival[:, 0]
        return np.where(is_rival, evidence, 0)[:, kept], is_rival[kept]


def _is_first(columns):
    """Whether each entry is the first of its value in its row."""
    order = np.argsort(columns, axis=1, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=1)
    is_repeat = np.zeros(columns.shape, dtype=bool)
    np.put_along_axis(is_repeat, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return ~is_repeat


def _parse(metric):
    """Metric of a name."""
    return parse_metrics([metric])[0]


def _ranks(weights, evidence, is_rival):
    """Rank of the target, the first candidate of each row, among its rivals."""
    scores = np.tensordot(weights.astype(np.float32), evidence, axes=1)  # (n_rows, n_candidates)
    own = scores[:, :1]
    better = ((scores > own) & is_rival).sum(axis=1)
    equal = ((scores == own) & is_rival).sum(axis=1) - 1
    return better + 0.5 * equal


def best_shares(score, n_members):
    """Weights with the highest score, found one share after the other.

    Parameters
    ----------
    score : callable
        Function of weights of shape (n_members,) that sum to 1.
    n_members : int
        Number of weights.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Not negative, with sum 1.
    best : float
        Their score.
    """
    starts = np.eye(n_members)
    scores = [score(weights) for weights in starts]
    best, weights = max(scores), starts[int(np.argmax(scores))]
    for step in _STEPS:
        has_risen = n_members > 1
        while has_risen:
            has_risen = False
            for member in range(n_members):
                for other in _with_share(weights, member, step):
                    found = score(other)
                    if found > best:
                        best, weights, has_risen = found, other, True
    return weights, float(best)


def _with_share(weights, member, step):
    """Weights in which a member has other shares: all on a grid, or two near its own."""
    share = weights[member]
    shares = np.linspace(0, 1, 21) if step is None else np.clip([share - step, share + step], 0, 1)
    rest = weights.copy()
    rest[member] = 0
    total = rest.sum()
    # Alone, a member has nobody to give its share to but all others alike.
    others = rest / total if total > 0 else (np.arange(weights.size) != member) / (weights.size - 1)
    return [(1 - s) * others + s * np.eye(weights.size)[member] for s in shares]
