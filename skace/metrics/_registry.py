"""The metrics that have names: a new one is a public function and an entry here.

Names such as "ndcg@10", what errors list, labels of charts, reports, and how a scorer is written
all come from this table; only docstrings say them again.
"""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Callable
from dataclasses import dataclass

from skace._typing import FloatArray
from skace.metrics._one_target import hit_rate_at_k, map_at_k, precision_at_k
from skace.metrics._ranks import mrr_at_k, ndcg_at_k, recall_at_k

__all__ = ["METRICS", "Metric"]


@dataclass(frozen=True)
class Metric:
    """A metric of ranks.

    Parameters
    ----------
    function : callable
        ``function(ranks, k, *, average, sample_weight)``.
    label : str
        As people write it.
    needs_k : bool, default=True
        False if the whole list may be meant, k being None.
    scorer : str or None, default=None
        Public function that makes a scorer of it alone; else `ranking_scorer` does.
    in_report : bool, default=False
        Whether `ranking_report` shows it.
    """

    function: Callable[..., float | FloatArray]
    label: str
    needs_k: bool = True
    scorer: str | None = None
    in_report: bool = False


METRICS = {
    "recall": Metric(recall_at_k, "Recall", scorer="recall_scorer", in_report=True),
    "ndcg": Metric(ndcg_at_k, "NDCG", scorer="ndcg_scorer", in_report=True),
    "mrr": Metric(mrr_at_k, "MRR", needs_k=False, scorer="mrr_scorer", in_report=True),
    "hit_rate": Metric(hit_rate_at_k, "Hit rate"),
    "map": Metric(map_at_k, "MAP"),
    "precision": Metric(precision_at_k, "Precision"),
}
