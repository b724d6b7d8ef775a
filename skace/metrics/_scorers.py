"""Scorers for GridSearchCV, cross_validate and everything else that takes ``scoring``."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import UNCHANGED, MetadataRequest

from skace._sklearn_compat import Interval, validate_params
from skace._typing import FloatArray
from skace.data import Interactions
from skace.data._row_values import row_weights
from skace.metrics._names import RankMetric, parse_metric, parse_metrics
from skace.metrics._ranks import check_weights
from skace.metrics._registry import METRICS
from skace.metrics._sampled import Candidates, rank_among_drawn
from skace.metrics._target_ranks import (
    check_can_score,
    check_exclude_seen,
    model_and_rows,
    rank_rows,
    rows_with_targets,
)

__all__ = ["RankScorer", "mrr_scorer", "ndcg_scorer", "ranking_scorer", "recall_scorer"]

_K = Interval(Integral, 1, None, closed="left")
_SEED = Interval(Integral, 0, None, closed="left")


class RankScorer:
    """Callable that scores a fitted model on rows; made by the functions of this file.

    Parameters
    ----------
    metrics : tuple of RankMetric
        What to compute, all from one pass over the rows.
    is_single : bool
        True returns the one value as a float, False a dict by name.
    exclude_seen : bool or None
        None leaves it to the estimator.
    random_state : int
        Seed of the candidates of sampled metrics.
    """

    def __init__(
        self,
        metrics: tuple[RankMetric, ...],
        *,
        is_single: bool,
        exclude_seen: bool | None = None,
        random_state: int = 0,
    ) -> None:
        check_exclude_seen(exclude_seen)
        self._metrics = metrics
        self._is_single = is_single
        self._exclude_seen = exclude_seen
        self._random_state = random_state
        self._weight_request: bool | str | None = None

    def __call__(
        self, estimator: Any, X: Any, y: Any = None, sample_weight: Any = None
    ) -> float | dict[str, float]:
        """Score the rows of X, whose items are the targets; for lists, those of ``y``."""
        rows = rows_with_targets(X, y)
        weights = check_weights(row_weights(rows, sample_weight), len(rows))
        ranks = self._ranks(*model_and_rows(estimator, X, y, rows=rows))
        scores = {
            m.name: float(m.score(ranks[m.n_candidates], sample_weight=weights))
            for m in self._metrics
        }
        return scores[self._metrics[0].name] if self._is_single else scores

    def _ranks(self, estimator: Any, X: Interactions) -> dict[int | None, FloatArray]:
        """Ranks by number of candidates (None: all items), each computed once."""
        kinds = dict.fromkeys(m.n_candidates for m in self._metrics)
        if any(n is not None for n in kinds):
            check_can_score(estimator)
        return {n: self._ranks_of_kind(estimator, X, n) for n in kinds}

    def _ranks_of_kind(self, estimator: Any, X: Interactions, n: int | None) -> FloatArray:
        """Full ranks for None, else ranks among n drawn items."""
        if n is None:
            return rank_rows(estimator, X, self._exclude_seen)
        # A new generator each time: all models meet the same candidates.
        generator = np.random.default_rng(self._random_state)
        return rank_among_drawn(estimator, X, self._candidates(n), generator)

    def _candidates(self, n: int) -> Candidates:
        """Which items a target is ranked among."""
        return Candidates(n, self._exclude_seen)

    def __repr__(self) -> str:
        first = self._metrics[0]
        is_sampled = any(m.n_candidates is not None for m in self._metrics)
        own = METRICS[first.kind].scorer
        if self._is_single and not is_sampled and own is not None:
            name, arguments = own, [f"k={first.k}"]
        else:
            names = [m.name for m in self._metrics]
            name, arguments = "ranking_scorer", [repr(names[0] if self._is_single else names)]
        if self._exclude_seen is not None:
            arguments.append(f"exclude_seen={self._exclude_seen}")
        if is_sampled:
            arguments.append(f"random_state={self._random_state}")
        return f"{name}({', '.join(arguments)})"

    def set_score_request(self, *, sample_weight: bool | str | None = UNCHANGED) -> Self:
        """Ask a metadata router for weights, as scikit-learn's own scorers do.

        Parameters
        ----------
        sample_weight : bool, str or None
            True: pass it; False: do not; None: raise if somebody gives it; str: its name.

        Returns
        -------
        self : RankScorer
            The scorer, changed.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request needs metadata routing; switch it on with "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        if sample_weight is not UNCHANGED:
            _request_weights(self, sample_weight)  # raises for what is no request
            self._weight_request = sample_weight
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Tell a metadata router what this scorer consumes.

        Returns
        -------
        request : MetadataRequest
            Of ``score``: the weights.
        """
        return _request_weights(self, self._weight_request)

    def _accept_sample_weight(self) -> bool:
        # Asked by scikit-learn while metadata routing is off.
        return True

    def _routing_repr(self) -> str:
        # How scikit-learn's routing errors name this scorer.
        return repr(self)


def _request_weights(owner: RankScorer, alias: Any) -> MetadataRequest:
    """Request of a scorer for weights."""
    request = MetadataRequest(owner=owner)
    request.score.add_request(param="sample_weight", alias=alias)
    return request


@validate_params({"k": [_K], "exclude_seen": ["boolean", None]}, prefer_skip_nested_validation=True)
def ndcg_scorer(k: int = 10, *, exclude_seen: bool | None = None) -> RankScorer:
    """Scorer of the mean NDCG among the k best of all items.

    Parameters
    ----------
    k : int, default=10
        Length of the list, at least 1.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking. None: the
        estimator's own setting. Figures with and without are not comparable.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None)`` -> float in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    ranking_scorer : Several metrics from one pass; describes what a scorer accepts.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import ndcg_scorer
    >>> ndcg_scorer(k=20)
    ndcg_scorer(k=20)
    """
    return RankScorer((RankMetric("ndcg", int(k)),), is_single=True, exclude_seen=exclude_seen)


@validate_params({"k": [_K], "exclude_seen": ["boolean", None]}, prefer_skip_nested_validation=True)
def recall_scorer(k: int = 10, *, exclude_seen: bool | None = None) -> RankScorer:
    """Scorer of the share of rows whose target is among the k best of all items.

    Parameters
    ----------
    k : int, default=10
        Length of the list, at least 1.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking. None: the
        estimator's own setting. Figures with and without are not comparable.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None)`` -> float in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    ranking_scorer : Several metrics from one pass; describes what a scorer accepts.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import recall_scorer
    >>> recall_scorer(k=20, exclude_seen=True)
    recall_scorer(k=20, exclude_seen=True)
    """
    return RankScorer((RankMetric("recall", int(k)),), is_single=True, exclude_seen=exclude_seen)


@validate_params(
    {"k": [_K, None], "exclude_seen": ["boolean", None]}, prefer_skip_nested_validation=True
)
def mrr_scorer(k: int | None = None, *, exclude_seen: bool | None = None) -> RankScorer:
    """Scorer of the mean reciprocal rank of the target.

    Parameters
    ----------
    k : int or None, default=None
        Length of the list, at least 1; a target beyond it scores 0. None ranks all items.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking. None: the
        estimator's own setting. Figures with and without are not comparable.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None)`` -> float in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    ranking_scorer : Several metrics from one pass; describes what a scorer accepts.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import mrr_scorer
    >>> mrr_scorer()
    mrr_scorer(k=None)
    """
    k = None if k is None else int(k)
    return RankScorer((RankMetric("mrr", k),), is_single=True, exclude_seen=exclude_seen)


@validate_params(
    {"metrics": "no_validation", "exclude_seen": ["boolean", None], "random_state": [_SEED]},
    prefer_skip_nested_validation=True,
)
def ranking_scorer(
    metrics: str | Iterable[str], *, exclude_seen: bool | None = None, random_state: int = 0
) -> RankScorer:
    """Scorer of one or several metrics by name, from one pass over the rows.

    Parameters
    ----------
    metrics : list of str, or str
        Names, as in `score_ranks`. With ``"[uniN]"`` at the end, as in ``"ndcg@10[uni100]"``, the
        target is ranked among N items drawn at random (`sampled_ranks`). Such a figure is not
        comparable with one without it.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking. None: the
        estimator's own setting. Figures with and without are not comparable.

    random_state : int, default=0
        Seed of the sampled metrics; all models get the same candidates.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None)`` -> dict of str to float in
        [0, 1]; for a single str, the float alone.

    Raises
    ------
    ValueError
        If a name is unknown or repeated, or a parameter is out of its range.

    TypeError
        If ``metrics`` is not a list of names.

    See Also
    --------
    target_ranks : The ranks behind the scores, and how it finds the model in a Pipeline.

    Notes
    -----
    A scorer accepts the same X as `target_ranks`: rows of Interactions, whose own items are the
    targets, or a list of sequences, where every event is a target, or only y if it is given. A
    frame is refused, because its rows have lost their pasts once a search has cut it. A scorer can
    be pickled, works with scikit-learn's metadata routing on and off, and consumes
    ``sample_weight`` (with routing on, after ``scorer.set_score_request(sample_weight=True)``).

    For ``ScoringMonitor`` pass a list of names, even for one metric, because the callback expects a
    dict.

    Stability: provisional.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skace import PopularityEstimator
    >>> from skace.metrics import ranking_scorer
    >>> from skace.model_selection import LeaveLastOut
    >>> search = GridSearchCV(
    ...     PopularityEstimator(k=1),
    ...     {"exclude_seen": [False, True]},
    ...     cv=LeaveLastOut(),
    ...     scoring=ranking_scorer(["ndcg@10", "recall@20"]),
    ...     refit="ndcg@10",
    ... )
    >>> search.scoring
    ranking_scorer(['ndcg@10', 'recall@20'])
    """
    is_single = isinstance(metrics, str)
    parsed = (parse_metric(metrics),) if is_single else parse_metrics(metrics)
    return RankScorer(
        parsed,
        is_single=is_single,
        exclude_seen=exclude_seen,
        random_state=int(random_state),
    )
