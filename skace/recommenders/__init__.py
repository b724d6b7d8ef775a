"""Sequential recommenders: numpy in, numpy out."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders._base import SequentialRecommender
from skace.recommenders._neural import NeuralRecommender
from skace.recommenders._popularity import PopularityEstimator
from skace.recommenders._sasrec import SASRecEstimator

__all__ = [
    "NeuralRecommender",
    "PopularityEstimator",
    "SASRecEstimator",
    "SequentialRecommender",
]
