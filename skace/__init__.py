"""LLM-enhanced sequential recommendation with scikit-learn's habits."""
# SPDX-License-Identifier: BSD-3-Clause

from skace._moved import find_moved
from skace._show_versions import show_versions
from skace._version import installed_version
from skace.data import Catalog, Interactions, as_interactions
from skace.embeddings import ACETransformer, OnItems, TextEncoder, WhiteningTransformer
from skace.metrics import mrr_scorer, ndcg_scorer, ranking_scorer, recall_scorer
from skace.model_selection import LeaveLastOut, TemporalSplit, leave_last_out
from skace.recommenders import (
    BERT4RecEstimator,
    EASEEstimator,
    GRU4RecEstimator,
    ItemKNNEstimator,
    L3AEEstimator,
    PopularityEstimator,
    RLAEEstimator,
    SASRecEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
    recommend,
    recommendation_pipeline,
)

__version__ = installed_version()

__all__ = [
    "ACETransformer",
    "BERT4RecEstimator",
    "Catalog",
    "EASEEstimator",
    "GRU4RecEstimator",
    "Interactions",
    "ItemKNNEstimator",
    "L3AEEstimator",
    "LeaveLastOut",
    "OnItems",
    "PopularityEstimator",
    "RLAEEstimator",
    "SASRecEstimator",
    "SLISTEstimator",
    "StackingRecommender",
    "TemporalSplit",
    "TextEncoder",
    "VotingRecommender",
    "WhiteningTransformer",
    "as_interactions",
    "leave_last_out",
    "mrr_scorer",
    "ndcg_scorer",
    "ranking_scorer",
    "recall_scorer",
    "recommend",
    "recommendation_pipeline",
    "show_versions",
]

find_moved()
