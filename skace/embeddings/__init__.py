"""Item transformers, and measures of anisotropy."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.embeddings._ace import ACETransformer
from skace.embeddings._column_selector import ColumnSelector
from skace.embeddings._mixin import ItemTransformerMixin
from skace.embeddings._on_items import OnItems
from skace.embeddings._scaling import GlobalScaler
from skace.embeddings._semantic_ids import SemanticIdEncoder
from skace.embeddings._whitening import WhiteningTransformer
from skace.embeddings.anisotropy._gram import (
    anisotropy_report,
    condition_number,
    effective_rank,
    explained_share,
    iso_score,
    mean_cosine,
    participation_ratio,
    spectral_decay,
    spectral_entropy,
)
from skace.embeddings.anisotropy._pairs import Hubness, alignment, hubness, uniformity
from skace.embeddings.anisotropy._partition import partition_isotropy
from skace.embeddings.text._contrastive import ContrastiveTextEncoder
from skace.embeddings.text._encoder import TextEncoder
from skace.embeddings.text._preference import PreferenceTextEncoder
from skace.embeddings.text._said import SAIDTextEncoder
from skace.embeddings.text.models._function import FunctionModel
from skace.embeddings.text.models._http import HttpModel
from skace.embeddings.text.models._local import LocalModel

__all__ = [
    "ACETransformer",
    "ColumnSelector",
    "ContrastiveTextEncoder",
    "FunctionModel",
    "GlobalScaler",
    "HttpModel",
    "Hubness",
    "ItemTransformerMixin",
    "LocalModel",
    "OnItems",
    "PreferenceTextEncoder",
    "SAIDTextEncoder",
    "SemanticIdEncoder",
    "TextEncoder",
    "WhiteningTransformer",
    "alignment",
    "anisotropy_report",
    "condition_number",
    "effective_rank",
    "explained_share",
    "hubness",
    "iso_score",
    "mean_cosine",
    "participation_ratio",
    "partition_isotropy",
    "spectral_decay",
    "spectral_entropy",
    "uniformity",
]
