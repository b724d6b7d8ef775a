"""How item features enter a model: parameter objects that import torch only to build."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING, Any

from skace.item_tables._aligned import AlignedAdapter
from skace.item_tables._base import ItemTable
from skace.item_tables._dual_view import DualViewTable
from skace.item_tables._frozen import FrozenTable
from skace.item_tables._id import IDTable
from skace.item_tables._mlp_adapter import MLPAdapter
from skace.item_tables._null_space import NullSpaceTable
from skace.item_tables._spectral import SpectralAdapter
from skace.item_tables._trainable import TrainableTable

if TYPE_CHECKING:
    from skace._torch.tables._base import ItemModule

__all__ = [
    "AlignedAdapter",
    "DualViewTable",
    "FrozenTable",
    "IDTable",
    "ItemModule",
    "ItemTable",
    "MLPAdapter",
    "NullSpaceTable",
    "SpectralAdapter",
    "TrainableTable",
]

_NEED_TORCH = ("ItemModule",)  # imported when somebody asks for it


def __getattr__(name: str) -> Any:
    if name in _NEED_TORCH:
        from skace._torch.tables._base import ItemModule

        return ItemModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
