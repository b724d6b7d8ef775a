"""StackingRecommender: a vote whose weights are learned on held-out rows."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Integral, Real
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skace._sklearn_compat import Interval, StrOptions
from skace._typing import HandleUnknown, Histories, Members, RandomState
from skace.data import Interactions
from skace.metrics._names import parse_metrics
from skace.recommenders._holdout import check_something_remains, hold_out_last
from skace.recommenders.ensembles._base import standardize
from skace.recommenders.ensembles._edges import as_array, check_edges, groups_of, n_groups
from skace.recommenders.ensembles._evidence import Evidence, candidates_of
from skace.recommenders.ensembles._member_report import MemberReport, member_report
from skace.recommenders.ensembles._named import NamedEnsemble
from skace.recommenders.ensembles._weights import (
    ByLikelihood,
    ByMetric,
    by_group,
    ranks_by_group,
    without_each,
)

__all__ = ["StackingRecommender"]

_BLOCK_BYTES = 128 * 2**20  # of the scores of all estimators that are held at once


class StackingRecommender(NamedEnsemble):
    r"""Weighted vote of recommenders with learned weights.

    Each user's last training row is held out. The estimators learn from the rest, and the weights
    are chosen that rank the held-out items best, or make them most likely. Then the estimators
    learn from all rows. Networks with ``train_on_held_out=True``, also at the end of Pipelines and
    in a `SeedEnsemble` without snapshots, then train once, on all rows, for as many epochs as their
    first fit found best. With ``X_val`` the weights come from its rows,
    and the estimators are fitted once. The weights can depend on the length of the history and on
    the popularity of the item.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Recommenders, or Pipelines that end in a recommender. They are cloned and fitted on the rows
        of `fit`. Pass a fitted one as ``sklearn.frozen.FrozenEstimator(model)``; it must not have
        seen the held-out rows. ``"drop"`` in place of an estimator leaves it out.

    k : int, default=10
        Length of the lists that `predict` returns, also those of the fitted estimators.

    learn_by : {"metric", "likelihood"}, default="metric"
        What the weights maximise: `metric`, or the likelihood of the held-out items under a softmax
        over all items. "metric" optimises the final goal directly. "likelihood" is smooth and
        convex, so it works with many members, and its scores are calibrated.

    metric : str, default="ndcg@10"
        Metric for the weights and for ``validation_score_``, by name as in
        `~skace.metrics.score_ranks`.

    n_candidates : int, default=100
        Number of best items of each estimator that the weights are learned on, per row. With
        "likelihood" as many other items are drawn, to represent all the rest.

    history_edges : array-like of int or None, default=None
        History lengths at which a new group of rows with its own weights begins: ``[3, 10]`` makes
        three groups, of 1 to 2, of 3 to 9, and of 10 and more events. None: one group.

    popularity_edges : array-like of int or None, default=None
        Numbers of training rows of an item at which a new group of items with its own weights
        begins: ``[1, 10]`` makes three groups, cold items, items with 1 to 9 rows, and the others.
        None: one group.

    group_shrinkage : float, default=100.0
        How strongly small groups are pulled towards the weights of all rows. If a group's items are
        the targets of n held-out rows, its own weights count ``n / (n + group_shrinkage)``, and
        those of all rows the rest.

    validation_fraction : float, default=1.0
        Share of the users whose last row is held out, in (0, 1].

    exclude_seen : bool, default=False
        Whether to leave items of the past out of recommendations, here and while the
        weights are learned. The parameters of the estimators have no effect.

    handle_unknown : {"error", "ignore"}, default="error"
        What to do with history items that this model was not fitted on. The parameters of the
        estimators have no effect.

    n_jobs : int or None, default=None
        Number of processes that fit estimators in parallel, as in joblib: None is 1 (or what
        ``joblib.parallel_config`` says), -1 is all processors. Steps that several Pipelines begin
        with in common are fitted once in any case.

    random_state : int, RandomState or None, default=None
        Chooses the users when ``validation_fraction`` is below 1, and with "likelihood" the items
        that represent the rest. The estimators have their own ``random_state``.

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
        Learned weights of all rows; they sum to 1.

    group_weights_ : ndarray of shape (n_history_groups, n_popularity_groups, n_estimators_)
        Weights of the groups, used instead of ``weights_``. This and the next two attributes exist
        only if edges are given.

    history_edges_ : ndarray of shape (n_history_groups - 1,)
        The edges as they were in `fit`.

    popularity_edges_ : ndarray of shape (n_popularity_groups - 1,)
        The edges as they were in `fit`.

    weights_without_ : ndarray of shape (n_estimators_, G, H, n_estimators_)
        Entry i holds weights learned from the same rows without estimator i, for G groups by
        history and H by popularity (both 1 without edges). Zeros if there is no other estimator.

    temperature_ : float
        Only with "likelihood". The softmax of ``decision_function(X) / temperature_`` over the
        items is the learned distribution. ``inf`` if no estimator carries information.

    n_validation_rows_ : int
        Rows from which the weights were learned.

    validation_score_ : float
        The metric on these rows, ranked among the candidates with the final weights.

    Notes
    -----
    The scores of each row are scaled to mean 0 and standard deviation 1 over the items. A target is
    ranked among the best items of all estimators. A metric of the first K items hardly depends on
    the rest if ``n_candidates`` is several times K. Such a metric is not a smooth function of the
    weights, so a search finds them. It starts from the best single estimator. The share of one
    estimator after the other is set to the best of 21 values in [0, 1], then moved by .02 and by
    .005, until the metric no longer improves. One validation set is enough for a handful of
    weights, not for dozens of estimators. With groups the search continues from these weights in
    each group of rows, one group of items after the other.

    With "likelihood", scores z of the estimators and weights w of at least 0, the weights are

    .. math:: \max_w \sum_r \left( w \cdot z_{r, i_r} - \log \sum_i e^{w \cdot z_{r, i}} \right)

    for the items :math:`i_r` of the rows. The sum over i runs over the candidates and over uniform
    draws from the rest; each draw counts for as many items as it represents. With groups, w depends
    on the row and on the item, and all groups of items are fitted together. ``weights_`` is w
    divided by the sum of its entries; ``temperature_`` is the inverse of that sum.

    Popularity is counted in the rows that the estimators have learned from: without the
    held-out rows while the weights are learned, in all rows afterwards.

    `partial_fit` keeps the weights. The time for the weights grows with the square of the number of
    estimators, mostly for ``weights_without_``.

    Stability: provisional.

    References
    ----------
    .. [1] Wolpert, "Stacked generalization", Neural Networks 1992.
    .. [2] McFadden, "Modelling the Choice of Residential Location", 1978: of draws that stand
       for the alternatives of a softmax.

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
        "learn_by": [StrOptions({"metric", "likelihood"})],
        "metric": [str],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "history_edges": ["array-like", None],
        "popularity_edges": ["array-like", None],
        "group_shrinkage": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: Members,
        *,
        k: int = 10,
        learn_by: Literal["metric", "likelihood"] = "metric",
        metric: str = "ndcg@10",
        n_candidates: int = 100,
        history_edges: npt.ArrayLike | None = None,
        popularity_edges: npt.ArrayLike | None = None,
        group_shrinkage: float = 100.0,
        validation_fraction: float = 1.0,
        exclude_seen: bool = False,
        handle_unknown: HandleUnknown = "error",
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(
            estimators,
            k=k,
            exclude_seen=exclude_seen,
            handle_unknown=handle_unknown,
            n_jobs=n_jobs,
        )
        self.learn_by = learn_by
        self.metric = metric
        self.n_candidates = n_candidates
        self.history_edges = history_edges
        self.popularity_edges = popularity_edges
        self.group_shrinkage = group_shrinkage
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _check_before_fit(self, X, X_val, weights, *, fresh, n_passes):
        super()._check_before_fit(X, X_val, weights, fresh=fresh, n_passes=n_passes)
        _parse(self.metric)
        for name in ("history_edges", "popularity_edges"):
            check_edges(getattr(self, name), name)
        if not fresh:
            return
        if X_val is None:
            check_something_remains(X, self.validation_fraction, weights, to_stop=False)
        elif not (X_val._ends > X_val._starts).any():
            raise ValueError(
                "no row of X_val has a past, so the weights cannot be learned from it; give rows "
                "that are not the first of their user."
            )

    def _fit_ensemble(self, X, weights, X_val):
        # None asks for fresh entropy, not for numpy's global generator.
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        rng = check_random_state(rng)
        if X_val is not None:
            self._fit_members(X, weights, X_val)
            self._learn_weights(X_val, self.item_counts_, rng)
            return
        held_out = hold_out_last(X, self.validation_fraction, rng, weights)
        is_held_out = np.isin(X._ends, held_out)  # all rows of a repeated event
        self._fit_members(X._derive(ends=X._ends[~is_held_out]), weights, None)
        n_held_out = np.bincount(X._item_codes[is_held_out], minlength=self.item_ids_.size)
        self._learn_weights(X._derive(ends=held_out), self.item_counts_ - n_held_out, rng)
        self._fit_members(X, weights, None, earlier=self.estimators_)

    def _comparable(self, scores):
        return standardize(scores)

    # Weights.

    def _learn_weights(self, X, counts, rng):
        """Set weights by which the rows' own items are best."""
        evidence = self._evidence(X, counts, rng)
        if evidence.n_rows == 0:
            raise ValueError(
                f"none of the {len(X)} validation row(s) tells anything about the weights: their "
                "histories are empty, or the model does not know their items or may not recommend "
                "them; pass another X_val, or set exclude_seen=False."
            )
        metric = _parse(self.metric)
        by = ByLikelihood() if self.learn_by == "likelihood" else ByMetric(metric)
        shape = n_groups(self.history_edges), n_groups(self.popularity_edges)

        def grouped(evidence, start=None):
            pooled = by.pooled(evidence, start)
            if shape == (1, 1):
                return pooled, pooled[None, None]
            return pooled, by_group(by, evidence, pooled, *shape, self.group_shrinkage)

        pooled, cells = grouped(evidence)
        without = without_each(evidence, pooled, shape, lambda *given: grouped(*given)[1])
        scale = pooled.sum()
        if scale == 0:  # nothing is likelier by any estimator
            pooled, cells, scale = np.ones_like(pooled), np.ones_like(cells), pooled.size
        self.weights_ = pooled / scale
        self.weights_without_ = without / scale
        if shape != (1, 1):
            self.group_weights_ = cells / scale
            self.history_edges_ = as_array(self.history_edges)
            self.popularity_edges_ = as_array(self.popularity_edges)
        if self.learn_by == "likelihood":
            self.temperature_ = 1 / float(scale)
        self.n_validation_rows_ = evidence.n_rows
        self.validation_score_ = float(metric.score(ranks_by_group(evidence, cells)))

    def _evidence(self, X, counts, rng):
        """What each estimator says of the rows' own items and their rivals."""
        histories, targets = self._histories(X), self._columns_of(X)[X._item_codes]
        rows = np.flatnonzero((histories.lengths > 0) & (targets >= 0))
        item_groups = groups_of(counts, self.popularity_edges)
        step = max(1, _BLOCK_BYTES // (4 * self.item_ids_.size * len(self.estimators_)))
        return Evidence.joined(
            [
                self._evidence_of_block(histories.take(block), targets[block], item_groups, rng)
                for block in np.split(rows, np.arange(step, rows.size, step))
            ]
        )

    def _evidence_of_block(self, histories, targets, item_groups, rng):
        votes = [self._votes(member, histories) for member in self.estimators_]
        if self.exclude_seen:
            for scores in votes:
                self._mask_seen(scores, histories, None)
        n_drawn = self.n_candidates if self.learn_by == "likelihood" else 0
        columns, shares = candidates_of(votes, targets, self.n_candidates, n_drawn, rng)
        scores = np.stack([np.take_along_axis(v, columns, axis=1) for v in votes])
        evidence = Evidence(
            np.where(shares > 0, scores, 0),
            shares,
            groups_of(histories.lengths, self.history_edges),
            item_groups[columns],
        )
        # A target that may not be recommended cannot be explained by any weights.
        return evidence.of_rows(shares[:, 0] > 0)

    def _weight_at(self, place, histories):
        if not hasattr(self, "group_weights_"):
            return super()._weight_at(place, histories)
        return self._cells_at(self.group_weights_[..., place], histories)

    def _cells_at(self, cells, histories):
        """Entries of (n_history_groups, n_popularity_groups), float32, at each row and item."""
        n_rows, n_items = cells.shape
        rows = groups_of(histories.lengths, self.history_edges_) if n_rows > 1 else [0]
        items = groups_of(self.item_counts_, self.popularity_edges_) if n_items > 1 else [0]
        return cells.astype(np.float32)[np.ix_(rows, items)]

    def _blended(self, votes, cells, histories):
        """Scores of comparable votes by weights of groups, as (.., .., n_estimators_)."""
        total = np.zeros_like(votes[0])
        for place, scores in enumerate(votes):
            total += scores * self._cells_at(cells[..., place], histories)
        return total

    # What they are good for.

    def member_report(
        self,
        X: Interactions | Histories,
        *,
        metric: str | None = None,
        confidence_level: float = 0.95,
        n_resamples: int = 10_000,
        random_state: RandomState = None,
    ) -> MemberReport:
        """Report what each estimator adds on rows that are new to the model.

        Parameters
        ----------
        X : Interactions or list of sequences of item ids
            Rows with targets that were neither in X nor in X_val of `fit`, because the model has
            learned from those.

        metric : str or None, default=None
            "recall@K", "ndcg@K", "mrr@K" or "mrr", ranked among all items. None takes the
            parameter ``metric``.

        confidence_level : float, default=0.95
            Share of such intervals that contain the true difference, in (0, 1).

        n_resamples : int, default=10000
            Resamples of the users, at least 1.

        random_state : int, RandomState or None, default=None
            Source of the resamples.

        Returns
        -------
        report : MemberReport
            For each estimator two differences, with paired intervals over users: the
            stack minus a stack without the estimator (weights ``weights_without_``),
            and the stack minus the estimator alone.

        Raises
        ------
        ValueError
            If there is only one estimator, X has fewer than two users, or a parameter is out of its
            range.

        Notes
        -----
        Each estimator predicts once. No estimator is fitted again.
        """
        check_is_fitted(self)
        if not hasattr(self, "weights_without_"):
            raise ValueError(
                "the stack was fitted before weights without each estimator were kept; fit it anew."
            )
        if len(self.estimators_) < 2:
            raise ValueError(
                "the stack has one estimator, so there is nothing that it could add to; give it "
                "another one."
            )
        return member_report(
            self,
            X,
            metric=_parse(self.metric if metric is None else metric),
            confidence_level=confidence_level,
            n_resamples=n_resamples,
            random_state=random_state,
        )


def _parse(metric):
    """Metric of a name."""
    parsed = parse_metrics([metric])[0]
    if parsed.n_candidates is not None:
        raise ValueError(f"metric={metric!r} samples; name one without '[uniN]'.")
    return parsed
