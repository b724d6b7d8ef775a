"""LLM-enhanced sequential recommendation with scikit-learn's habits."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.data import Catalog, Interactions, as_interactions
from skace.embeddings import ACETransformer, OnItems
from skace.metrics import mrr_scorer, ndcg_scorer, ranking_scorer, recall_scorer
from skace.model_selection import LeaveLastOut, TemporalSplit, leave_last_out
from skace.recommenders import PopularityEstimator, SASRecEstimator

__version__ = "0.1.0.dev0"

__all__ = [
    "ACETransformer",
    "Catalog",
    "Interactions",
    "LeaveLastOut",
    "OnItems",
    "PopularityEstimator",
    "SASRecEstimator",
    "TemporalSplit",
    "as_interactions",
    "leave_last_out",
    "mrr_scorer",
    "ndcg_scorer",
    "ranking_scorer",
    "recall_scorer",
]
