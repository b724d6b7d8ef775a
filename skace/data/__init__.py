"""Event logs and item catalogs."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.data._catalog import Catalog
from skace.data._filters import k_core
from skace.data._inputs import as_interactions
from skace.data._interactions import Interactions
from skace.data._validation_set import ValidationSet

__all__ = ["Catalog", "Interactions", "ValidationSet", "as_interactions", "k_core"]
