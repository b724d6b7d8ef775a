"""FrozenTable: the features as they are."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import TYPE_CHECKING, Any

from skace._typing import BoolArray, ColdItems, FloatArray
from skace.item_tables._base import ItemTable
from skace.item_tables._feature_table import check_has_features

if TYPE_CHECKING:
    import torch

__all__ = ["FrozenTable"]


class FrozenTable(ItemTable):
    """Use the item features as they are; only the encoder learns.

    It has few parameters, and cold items are treated like the others.

    Parameters
    ----------
    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row are left out of the softmax or are wrong answers in it.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.item_tables import FrozenTable
    >>> FrozenTable()
    FrozenTable()
    """

    def __init__(self, *, cold_items: ColdItems = "excluded") -> None:
        super().__init__(cold_items=cold_items)

    def width(self, n_features: int | None, embedding_dim: int | None) -> int:
        """Width of the table, which equals that of the features; see `ItemTable.width`."""
        check_has_features(self, n_features)
        return super().width(n_features, embedding_dim)

    def build(
        self,
        features: FloatArray | Any,
        *,
        n_items: int,
        width: int,
        is_cold: BoolArray,
        generator: "torch.Generator",
    ) -> "torch.nn.Module":
        """Build the module; see `ItemTable.build`."""
        from skace._torch.tables._base import as_vectors
        from skace._torch.tables._frozen import FrozenItems

        return FrozenItems(as_vectors(features))
