"""FrozenTable: the features as they are."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.item_tables._base import ItemTable
from skace.item_tables._feature_table import check_has_features

__all__ = ["FrozenTable"]


class FrozenTable(ItemTable):
    """Use the item features as they are; only the encoder learns.

    Few parameters, and cold items are on equal terms with the others.

    Parameters
    ----------
    cold_items : {"excluded", "negatives"}, default="excluded"
        Whether items without a training row take part in the softmax as wrong answers.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace.item_tables import FrozenTable
    >>> FrozenTable()
    FrozenTable()
    """

    def __init__(self, *, cold_items="excluded"):
        super().__init__(cold_items=cold_items)

    def width(self, n_features, embedding_dim):
        """Width of the table, which is that of the features; see `ItemTable.width`."""
        check_has_features(self, n_features)
        return super().width(n_features, embedding_dim)

    def build(self, features, *, n_items, width, is_cold, generator):
        """Build the module; see `ItemTable.build`."""
        from skace._torch._tables import FrozenItems, as_vectors

        return FrozenItems(as_vectors(features))
