"""One table of all rank-based figures, over all rows and by popularity of the target."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skace._sklearn_compat import Interval, validate_params
from skace._typing import BoolArray, FloatArray
from skace.data import Interactions
from skace.data._row_values import row_weights
from skace.data._tie_facts import tied_rows
from skace.metrics._groups import popularity_groups
from skace.metrics._names import RankMetric
from skace.metrics._ranks import check_weights, mean_rank
from skace.metrics._registry import METRICS
from skace.metrics._target_ranks import columns_in, model_and_rows, rank_rows

__all__ = ["ranking_report"]


@validate_params(
    {
        "estimator": "no_validation",
        "X": "no_validation",
        "k": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "exclude_seen": ["boolean", None],
        "head": [Interval(Real, 0, 1, closed="right")],
        "sample_weight": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def ranking_report(
    estimator: Any,
    X: Interactions,
    *,
    k: int | Iterable[int] = (10, 20),
    exclude_seen: bool | None = None,
    head: float = 0.2,
    sample_weight: Any = None,
) -> dict[str, dict[str, float]]:
    """Rank-based figures over all rows and by popularity of the target.

    Parameters
    ----------
    estimator : fitted estimator
        Anything that `target_ranks` accepts. The model inside needs ``item_ids_`` and
        ``item_counts_``.

    X : Interactions of shape (n_rows,) or list of sequences of item ids
        Rows with a target, for example the test rows of a splitter. Of lists, every event is a row.

    k : int or tuple of int, default=(10, 20)
        Lengths of the list, each at least 1.

    exclude_seen : bool or None, default=None
        Whether to take the items of each row's past out of the ranking. None: the
        estimator's own setting. Figures with and without are not comparable.

    head : float, default=0.2
        Largest share of items that are head, as in `popularity_groups`.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weights of the means, in the order of the rows. None takes ``X.weights``. Numbers and shares
        of rows are not weighted.

    Returns
    -------
    report : dict of str to dict of str to float
        Figures by group of rows. The groups are ``"overall"``; ``"head"`` and ``"tail"`` (target is
        not in the head); ``"warm"``, ``"cold"`` (target is in the model's catalog, but was no
        training target, by ``is_cold_`` if the model has it, else by ``item_counts_``) and
        ``"unknown"`` (target is not in the catalog); ``"empty_past"`` (no history); ``"tied"``
        (event has the time of the event before it in its user's log) and ``"untied"`` (all others;
        without timestamps both are empty). Each group has ``"n_rows"``, ``"share"`` (of all rows),
        ``"misses"`` (share of the group's rows with an infinite rank), for each k ``"recall@k"``,
        ``"ndcg@k"`` and ``"mrr@k"``, then ``"mrr"`` and ``"mean_rank"`` (a miss counts as the
        number of items). Figures of a group without rows, or without weight, are NaN.

    Raises
    ------
    ValueError
        If a parameter is out of its range; also as `target_ranks` does.

    TypeError
        If the model has no ``item_counts_``; also as `target_ranks` does.

    Warns
    -----
    TiedTargetsWarning
        As `target_ranks` does.

    Notes
    -----
    ``pandas.DataFrame(report).T`` makes a table of it.

    Stability: provisional.

    Examples
    --------
    >>> from skace import Interactions, PopularityEstimator
    >>> from skace.metrics import ranking_report
    >>> from skace.model_selection import leave_last_out
    >>> X = Interactions.from_sequences([["pen", "ink"], ["pen", "pen"], ["cap", "nib"]])
    >>> X_train, X_test = leave_last_out(X)
    >>> report = ranking_report(PopularityEstimator(k=2).fit(X_train), X_test, k=1, head=0.25)
    >>> report["head"]["n_rows"], report["head"]["recall@1"]
    (1, 1.0)
    >>> report["cold"]["n_rows"], report["cold"]["recall@1"]
    (2, 0.0)
    """
    metrics = _metrics_at(k)
    model, rows = model_and_rows(estimator, X)
    _check_has_counts(model)
    groups = _row_groups(model, rows, head)
    weights = check_weights(row_weights(rows, sample_weight), len(rows))
    ranks = rank_rows(model, rows, exclude_seen)
    n_items = len(model.item_ids_)
    return {
        name: _figures(
            ranks[is_in], None if weights is None else weights[is_in], len(rows), n_items, metrics
        )
        for name, is_in in groups.items()
    }


def _metrics_at(k: Any) -> list[RankMetric]:
    """Metrics at each k, then the reciprocal rank over all items."""
    lengths = np.atleast_1d(np.asarray(k))
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not (lengths >= 1).all():
        raise ValueError(f"k must be an int from 1 or a tuple of such ints, got {k!r}.")
    kinds = [kind for kind, metric in METRICS.items() if metric.in_report]
    at = [RankMetric(kind, int(n)) for n in lengths for kind in kinds]
    return [*at, *(RankMetric(kind, None) for kind in kinds if not METRICS[kind].needs_k)]


def _check_has_counts(model: Any) -> None:
    """Raise unless the model is fitted and tells the popularity of its items."""
    if hasattr(model, "fit"):
        check_is_fitted(model)
    if not (hasattr(model, "item_counts_") and hasattr(model, "item_ids_")):
        raise TypeError(
            f"{type(model).__name__} has no item_counts_ (training targets per item of item_ids_), "
            "which head, tail, warm and cold are told by; score its target_ranks with "
            "score_ranks instead."
        )


def _row_groups(model: Any, X: Interactions, head: float) -> dict[str, BoolArray]:
    """Rows of each group, in the order of the report."""
    groups = popularity_groups(model.item_counts_, head)
    targets = columns_in(model.item_ids_, X)[X._item_codes]
    is_known = targets >= 0
    is_head = is_known & groups["head"][targets]
    # Networks do not learn from rows held out for early stopping, which are counted.
    is_cold = getattr(model, "is_cold_", groups["cold"])[targets]
    is_tied, nowhere = tied_rows(X), np.zeros(len(X), dtype=bool)
    return {
        "overall": np.ones(len(X), dtype=bool),
        "head": is_head,
        "tail": ~is_head,
        "warm": is_known & ~is_cold,
        "cold": is_known & is_cold,
        "unknown": ~is_known,
        "empty_past": X._ends == X._starts,
        "tied": nowhere if is_tied is None else is_tied,
        "untied": nowhere if is_tied is None else ~is_tied,
    }


def _figures(
    ranks: FloatArray,
    weights: FloatArray | None,
    n_all: int,
    n_items: int,
    metrics: list[RankMetric],
) -> dict[str, float]:
    """Figures of one group of rows."""
    figures: dict[str, Any] = {"n_rows": ranks.size, "share": ranks.size / n_all}
    if ranks.size == 0 or (weights is not None and not weights.any()):
        names = ["misses", *(metric.name for metric in metrics), "mean_rank"]
        return figures | dict.fromkeys(names, np.nan)
    figures["misses"] = float(np.average(np.isinf(ranks), weights=weights))
    figures |= {metric.name: metric.score(ranks, sample_weight=weights) for metric in metrics}
    return figures | {"mean_rank": mean_rank(ranks, n_items=n_items, sample_weight=weights)}
