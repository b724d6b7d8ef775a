"""Displays in the style of scikit-learn: charts of logs, vectors, searches, fits and scores."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.inspection._alpha_curve import AlphaCurveDisplay
from skace.inspection._anisotropy import AnisotropyDisplay
from skace.inspection._embedding_map import EmbeddingMapDisplay
from skace.inspection._epoch_curve import EpochCurveDisplay
from skace.inspection._id_tree import IdTreeDisplay
from skace.inspection._node_words import node_words
from skace.inspection._popularity import PopularityDisplay
from skace.inspection._spectrum import SpectrumDisplay
from skace.inspection._ties import TiesDisplay

__all__ = [
    "AlphaCurveDisplay",
    "AnisotropyDisplay",
    "EmbeddingMapDisplay",
    "EpochCurveDisplay",
    "IdTreeDisplay",
    "PopularityDisplay",
    "SpectrumDisplay",
    "TiesDisplay",
    "node_words",
]
