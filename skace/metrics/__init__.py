"""Accuracy from ranks, measures of whole lists, scorers, and paired tests."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.metrics._candidates import sampled_candidates_scorer
from skace.metrics._comparison import PairedComparison, paired_bootstrap, randomization_test
from skace.metrics._groups import popularity_groups, user_groups
from skace.metrics._interval import MeanInterval, bootstrap_interval
from skace.metrics._names import score_ranks
from skace.metrics._one_target import hit_rate_at_k, map_at_k, precision_at_k
from skace.metrics._ranks import mean_rank, mrr_at_k, ndcg_at_k, recall_at_k
from skace.metrics._recommendations import (
    catalog_coverage,
    exposure_gini,
    intra_list_diversity,
    novelty,
    popularity_bias,
    popularity_lift,
    serendipity,
)
from skace.metrics._report import ranking_report
from skace.metrics._sampled import sampled_ranks
from skace.metrics._scorers import mrr_scorer, ndcg_scorer, ranking_scorer, recall_scorer
from skace.metrics._target_ranks import target_ranks

__all__ = [
    "MeanInterval",
    "PairedComparison",
    "bootstrap_interval",
    "catalog_coverage",
    "exposure_gini",
    "hit_rate_at_k",
    "intra_list_diversity",
    "map_at_k",
    "mean_rank",
    "mrr_at_k",
    "mrr_scorer",
    "ndcg_at_k",
    "ndcg_scorer",
    "novelty",
    "paired_bootstrap",
    "popularity_bias",
    "popularity_groups",
    "popularity_lift",
    "precision_at_k",
    "randomization_test",
    "ranking_report",
    "ranking_scorer",
    "recall_at_k",
    "recall_scorer",
    "sampled_candidates_scorer",
    "sampled_ranks",
    "score_ranks",
    "serendipity",
    "target_ranks",
    "user_groups",
]
