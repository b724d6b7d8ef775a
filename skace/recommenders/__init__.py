"""Sequential recommenders: numpy in, numpy out."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders._base import SequentialRecommender
from skace.recommenders._bert4rec import BERT4RecEstimator
from skace.recommenders._ease import EASEEstimator
from skace.recommenders._fmlp import FMLPEstimator
from skace.recommenders._gru4rec import GRU4RecEstimator
from skace.recommenders._l3ae import L3AEEstimator
from skace.recommenders._linear import LinearRecommender
from skace.recommenders._melt import MELTEstimator
from skace.recommenders._network_parameters import NetworkParameters
from skace.recommenders._neural import NeuralRecommender
from skace.recommenders._popularity import PopularityEstimator
from skace.recommenders._recommendations import Recommendations
from skace.recommenders._rlae import RLAEEstimator
from skace.recommenders._sasrec import SASRecEstimator
from skace.recommenders._slist import SLISTEstimator
from skace.recommenders._stacking import StackingRecommender
from skace.recommenders._voting import VotingRecommender

__all__ = [
    "BERT4RecEstimator",
    "EASEEstimator",
    "FMLPEstimator",
    "GRU4RecEstimator",
    "L3AEEstimator",
    "LinearRecommender",
    "MELTEstimator",
    "NetworkParameters",
    "NeuralRecommender",
    "PopularityEstimator",
    "RLAEEstimator",
    "Recommendations",
    "SASRecEstimator",
    "SLISTEstimator",
    "SequentialRecommender",
    "StackingRecommender",
    "VotingRecommender",
]
