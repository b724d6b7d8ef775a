"""LLM-enhanced sequential recommendation with scikit-learn's habits."""
# SPDX-License-Identifier: BSD-3-Clause

import lazy_loader

from skace._moved import find_moved
from skace._version import installed_version

_PACKAGES = (
    "data",
    "datasets",
    "embeddings",
    "exceptions",
    "export",
    "inspection",
    "item_tables",
    "losses",
    "metrics",
    "model_selection",
    "objectives",
    "persistence",
    "recommenders",
    "testing",
)

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)

# Packages are there without an import of their own, but ``from skace import *`` leaves them out.
__all__ = [name for name in _names if name not in _PACKAGES]

__version__ = installed_version()

find_moved()
