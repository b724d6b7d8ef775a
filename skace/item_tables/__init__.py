"""How item features enter a model: parameter objects, free of torch until they build."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.item_tables._aligned import AlignedAdapter
from skace.item_tables._base import ItemTable
from skace.item_tables._dual_view import DualViewTable
from skace.item_tables._frozen import FrozenTable
from skace.item_tables._id import IDTable
from skace.item_tables._mlp_adapter import MLPAdapter
from skace.item_tables._null_space import NullSpaceTable
from skace.item_tables._spectral import SpectralAdapter
from skace.item_tables._trainable import TrainableTable

__all__ = [
    "AlignedAdapter",
    "DualViewTable",
    "FrozenTable",
    "IDTable",
    "ItemTable",
    "MLPAdapter",
    "NullSpaceTable",
    "SpectralAdapter",
    "TrainableTable",
]
