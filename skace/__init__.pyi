# What `import skace` offers; each name is imported when it is first asked for.
# SPDX-License-Identifier: BSD-3-Clause

from . import data as data
from . import datasets as datasets
from . import embeddings as embeddings
from . import exceptions as exceptions
from . import export as export
from . import inspection as inspection
from . import item_tables as item_tables
from . import losses as losses
from . import metrics as metrics
from . import model_selection as model_selection
from . import objectives as objectives
from . import persistence as persistence
from . import recommenders as recommenders
from . import testing as testing
from ._show_versions import show_versions
from .data import Catalog, Interactions, as_interactions
from .embeddings import ACETransformer, OnItems, TextEncoder, WhiteningTransformer
from .metrics import mrr_scorer, ndcg_scorer, ranking_scorer, recall_scorer
from .model_selection import LeaveLastOut, TemporalSplit, leave_last_out
from .recommenders import (
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

__version__: str

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
