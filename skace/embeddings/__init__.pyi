# What `import skace.embeddings` offers; each name is imported when it is first asked for.
# SPDX-License-Identifier: BSD-3-Clause

from ._ace import ACETransformer
from ._column_selector import ColumnSelector
from ._mixin import ItemTransformerMixin
from ._on_items import OnItems
from ._scaling import GlobalScaler
from ._semantic_ids import SemanticIdEncoder
from ._whitening import WhiteningTransformer
from .anisotropy._gram import (
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
from .anisotropy._pairs import Hubness, alignment, hubness, uniformity
from .anisotropy._partition import partition_isotropy
from .text._contrastive import ContrastiveTextEncoder
from .text._encoder import TextEncoder
from .text._preference import PreferenceTextEncoder
from .text._said import SAIDTextEncoder
from .text.models._function import FunctionModel
from .text.models._http import HttpModel
from .text.models._local import LocalModel

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
