"""Sequential recommenders: numpy in, numpy out."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders._base import SequentialRecommender
from skace.recommenders._explain import Explanations, explain
from skace.recommenders._fit_rows import FitRows
from skace.recommenders._popularity import PopularityEstimator
from skace.recommenders._recommend import recommend
from skace.recommenders._recommendation_pipeline import recommendation_pipeline
from skace.recommenders._recommendations import Recommendations
from skace.recommenders._similar import SimilarItems, similar_items
from skace.recommenders.ensembles._diversified import DiversifiedRecommender
from skace.recommenders.ensembles._member_report import MemberReport
from skace.recommenders.ensembles._seeds import SeedEnsemble
from skace.recommenders.ensembles._stacking import StackingRecommender
from skace.recommenders.ensembles._voting import VotingRecommender
from skace.recommenders.linear._base import LinearRecommender
from skace.recommenders.linear._ease import EASEEstimator
from skace.recommenders.linear._l3ae import L3AEEstimator
from skace.recommenders.linear._linear_parameters import LinearParameters
from skace.recommenders.linear._rlae import RLAEEstimator
from skace.recommenders.linear._slist import SLISTEstimator
from skace.recommenders.neighbours._item_knn import ItemKNNEstimator
from skace.recommenders.neural._base import NeuralRecommender
from skace.recommenders.neural._bert4rec import BERT4RecEstimator
from skace.recommenders.neural._fmlp import FMLPEstimator
from skace.recommenders.neural._gram import GRAMEstimator
from skace.recommenders.neural._gram_text import GRAMTextEstimator
from skace.recommenders.neural._gru4rec import GRU4RecEstimator
from skace.recommenders.neural._melt import MELTEstimator
from skace.recommenders.neural._network_parameters import NetworkParameters
from skace.recommenders.neural._sasrec import SASRecEstimator

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
