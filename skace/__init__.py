"""LLM-enhanced sequential recommendation with scikit-learn's habits."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.data import Catalog, Interactions

__version__ = "0.1.0.dev0"

__all__ = ["Catalog", "Interactions"]
