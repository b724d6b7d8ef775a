"""How item features enter a model: parameter objects, free of torch until they build."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.item_tables._base import ItemTable
from skace.item_tables._frozen import FrozenTable
from skace.item_tables._trainable import TrainableTable

__all__ = ["FrozenTable", "ItemTable", "TrainableTable"]
