"""FeatureTable: what tables share that need features and have a width of their own."""
# SPDX-License-Identifier: BSD-3-Clause

from numbers import Real

from skace._sklearn_compat import Interval
from skace.item_tables._base import ItemTable, width_asked_for

__all__ = ["FeatureTable", "check_has_features"]


class FeatureTable(ItemTable):
    """Base of tables that need features and have a width of their own."""

    _parameter_constraints: dict = {
        **ItemTable._parameter_constraints,
        "scale": [Interval(Real, 0, None, closed="neither"), None],
    }

    def width(self, n_features: int | None, embedding_dim: int | None) -> int:
        """Width of the table: ``embedding_dim``, else 128; see `ItemTable.width`."""
        self._validate_params()
        check_has_features(self, n_features)
        width = width_asked_for(embedding_dim)
        self._check_sizes(n_features, width)
        return width

    def _check_sizes(self, n_features, width):
        """Raise if features of this width cannot become a table of that width."""


def check_has_features(table, n_features):
    """Raise if there are no features for a table that needs them."""
    if n_features is None:
        raise ValueError(
            f"{type(table).__name__} needs item features, but the catalog has none; build it with "
            "Catalog(item_ids, features), or use TrainableTable()."
        )
