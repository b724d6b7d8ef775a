# What `import skace.recommenders` offers; each name is imported when it is first asked for.
# SPDX-License-Identifier: BSD-3-Clause

from ._base import SequentialRecommender
from ._explain import Explanations, explain
from ._fit_rows import FitRows
from ._popularity import PopularityEstimator
from ._recommend import recommend
from ._recommendation_pipeline import recommendation_pipeline
from ._recommendations import Recommendations
from ._repeat import RepeatEstimator
from ._similar import SimilarItems, similar_items
from .ensembles._diversified import DiversifiedRecommender
from .ensembles._member_report import MemberReport
from .ensembles._seeds import SeedEnsemble
from .ensembles._stacking import StackingRecommender
from .ensembles._voting import VotingRecommender
from .linear._base import LinearRecommender
from .linear._ease import EASEEstimator
from .linear._l3ae import L3AEEstimator
from .linear._linear_parameters import LinearParameters
from .linear._rlae import RLAEEstimator
from .linear._slist import SLISTEstimator
from .neighbours._item_knn import ItemKNNEstimator
from .neural._base import NeuralRecommender
from .neural._bert4rec import BERT4RecEstimator
from .neural._fmlp import FMLPEstimator
from .neural._gram import GRAMEstimator
from .neural._gram_text import GRAMTextEstimator
from .neural._gru4rec import GRU4RecEstimator
from .neural._melt import MELTEstimator
from .neural._network_parameters import NetworkParameters
from .neural._sasrec import SASRecEstimator

__all__ = [
    "BERT4RecEstimator",
    "DiversifiedRecommender",
    "EASEEstimator",
    "Explanations",
    "FMLPEstimator",
    "FitRows",
    "GRAMEstimator",
    "GRAMTextEstimator",
    "GRU4RecEstimator",
    "ItemKNNEstimator",
    "L3AEEstimator",
    "LinearParameters",
    "LinearRecommender",
    "MELTEstimator",
    "MemberReport",
    "NetworkParameters",
    "NeuralRecommender",
    "PopularityEstimator",
    "RLAEEstimator",
    "Recommendations",
    "RepeatEstimator",
    "SASRecEstimator",
    "SLISTEstimator",
    "SeedEnsemble",
    "SequentialRecommender",
    "SimilarItems",
    "StackingRecommender",
    "VotingRecommender",
    "explain",
    "recommend",
    "recommendation_pipeline",
    "similar_items",
]
