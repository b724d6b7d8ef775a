"""Metric names such as ``"ndcg@10"``: what they mean and how ranks are scored by them."""
# SPDX-License-Identifier: BSD-3-Clause

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skace._typing import FloatArray
from skace.metrics._ranks import check_ranks, check_weights
from skace.metrics._registry import METRICS

__all__ = ["RankMetric", "parse_metric", "parse_metrics", "score_ranks"]

_NAME = re.compile(rf"({'|'.join(METRICS)})(?:@([1-9][0-9]*))?(?:\[uni([1-9][0-9]*)\])?")
_VALID = (
    f"valid names are {', '.join(repr(f'{kind}@K') for kind in METRICS)} (K a whole number from "
    f"1) and {', '.join(repr(kind) for kind, metric in METRICS.items() if not metric.needs_k)}, "
    "each with an optional '[uniN]' at its end for ranks among N sampled items, as in "
    "'ndcg@10[uni100]'."
)


@dataclass(frozen=True)
class RankMetric:
    """A parsed metric name."""

    kind: str  # of METRICS
    k: int | None  # None: the whole list
    n_candidates: int | None = None  # None: full ranking

    @property
    def name(self) -> str:
        """The name that parses to this metric."""
        at = "" if self.k is None else f"@{self.k}"
        sampled = "" if self.n_candidates is None else f"[uni{self.n_candidates}]"
        return f"{self.kind}{at}{sampled}"

    def score(
        self, ranks: FloatArray, *, average: bool = True, sample_weight: Any = None
    ) -> float | FloatArray:
        """Mean over rows, or one score per row, each in [0, 1]."""
        function = METRICS[self.kind].function
        return function(ranks, self.k, average=average, sample_weight=sample_weight)


def parse_metric(name: Any) -> RankMetric:
    """Metric of a name; anything else is refused with the list of names."""
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or (found[2] is None and METRICS[found[1]].needs_k):
        raise ValueError(f"{name!r} is not the name of a metric; {_VALID}")
    k, n_candidates = (None if digits is None else int(digits) for digits in found.group(2, 3))
    return RankMetric(found[1], k, n_candidates)


def parse_metrics(names: Any) -> tuple[RankMetric, ...]:
    """Metrics of distinct names, at least one."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"metrics must be a list of names, got {names!r}; {_VALID}")
    metrics = tuple(parse_metric(name) for name in names)
    if not metrics:
        raise ValueError(f"metrics is empty; {_VALID}")
    repeated = sorted({m.name for m in metrics if metrics.count(m) > 1})
    if repeated:
        raise ValueError(f"metrics names {', '.join(map(repr, repeated))} more than once.")
    return metrics


def score_ranks(
    ranks: Any, metrics: Iterable[str], *, average: bool = True, sample_weight: Any = None
) -> dict[str, float | FloatArray]:
    """Score ranks by several metrics at once.

    Parameters
    ----------
    ranks : array-like of shape (n_rows,)
        Rank of each row's target, from 0 (best); ``inf`` is a miss. See `target_ranks`.

    metrics : list of str
        Names: ``"recall@K"``, ``"ndcg@K"``, ``"mrr@K"``, ``"hit_rate@K"``, ``"map@K"``,
        ``"precision@K"``, and without a K ``"mrr"``.

    average : bool, default=True
        Whether to average over the rows. False returns one score per row, which the
        paired tests need.

    sample_weight : array-like of shape (n_rows,) or None, default=None
        Weight of each row in the average. None: equal weights.

    Returns
    -------
    scores : dict of str to float or ndarray of shape (n_rows,)
        Values in [0, 1] by name, in the order of ``metrics``.

    Raises
    ------
    ValueError
        If a name is unknown, repeated or that of a sampled metric, or the ranks are not valid.

    TypeError
        If ``metrics`` is not a list of names.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.metrics import score_ranks
    >>> score_ranks([0, 1, 2, 30], ["recall@2", "mrr@2"])
    {'recall@2': 0.5, 'mrr@2': 0.375}
    """
    parsed = parse_metrics(metrics)
    sampled = [m.name for m in parsed if m.n_candidates is not None]
    if sampled:
        raise ValueError(
            f"{sampled[0]!r} needs its own candidates, but ranks are drawn already; use "
            "ranking_scorer for sampled metrics, or full names with the ranks of sampled_ranks."
        )
    ranks = check_ranks(ranks)
    weights = check_weights(sample_weight, ranks.size)
    return {m.name: m.score(ranks, average=average, sample_weight=weights) for m in parsed}
