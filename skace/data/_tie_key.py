"""TieKey: one value an item, in whose order a file may have put events of one moment."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from skace._typing import IdArray, IntArray
from skace.data._catalog import Catalog
from skace.data._sort_keys import ranks_of_keys
from skace.data.features._forms import describe_features
from skace.data.features._labels import rows_by_label

__all__ = ["TieKey", "joined_tie_keys", "read_tie_key"]


@dataclass(frozen=True, slots=True, eq=False)
class TieKey:
    """Values of items by id, so that another catalog may hold the items in another order.

    Parameters
    ----------
    name : str
        What a warning calls it.

    item_ids : ndarray of shape (n_items,)
        Ids, ascending.

    values : ndarray of shape (n_items,)
        Value of each item; they compare with each other.
    """

    name: str
    item_ids: IdArray
    values: npt.NDArray[Any]

    def ranks(self, catalog: Catalog) -> IntArray:
        """Rank of the value of each item of a catalog, which lacks none of them here."""
        places = np.searchsorted(self.item_ids, catalog.item_ids)
        return ranks_of_keys(self.values, self.item_ids.size, "tie_key")[places]


def read_tie_key(given: Any, catalog: Catalog) -> TieKey | None:
    """Key from the name of a column of the catalog, or from one value an item."""
    if given is None:
        return None
    name = given if isinstance(given, str) else str(getattr(given, "name", None) or "tie_key")
    column = _column_of(catalog, given) if isinstance(given, str) else given
    column = rows_by_label(column, catalog.item_ids, name="tie_key")
    if nw.dependencies.is_into_series(column):
        column = nw.from_native(column, series_only=True).to_list()
    ranks_of_keys(column, catalog.n_items, "tie_key")  # what cannot be compared is refused here
    order = np.argsort(catalog.item_ids, kind="stable")
    return TieKey(name, catalog.item_ids[order], np.asarray(column)[order])


def _column_of(catalog: Catalog, name: str) -> Any:
    """Column of the features of a catalog."""
    features = catalog.features
    if not nw.dependencies.is_into_dataframe(features):
        held = "no features" if features is None else describe_features(features)
        raise ValueError(
            f"tie_key={name!r} names a column, but the catalog has {held}; pass one value for each "
            "item, in the order of catalog.item_ids."
        )
    table = nw.from_native(features, eager_only=True)
    if name not in table.columns:
        raise ValueError(
            f"tie_key={name!r} is no column of the catalog, which has "
            f"{', '.join(map(repr, table.columns))}; name one of them, or pass one value for each "
            "item, in the order of catalog.item_ids."
        )
    return table[name].to_native()


def joined_tie_keys(keys: list[TieKey | None]) -> TieKey | None:
    """Key of all items, if every part has one of the same name and kind, and they agree."""
    known = [key for key in keys if key is not None]
    if len(known) < len(keys) or len({(key.name, _kind_of(key.values)) for key in known}) > 1:
        return None
    ids = np.concatenate([key.item_ids for key in known])
    values = np.concatenate([key.values for key in known])
    item_ids, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    if (values[first][inverse] != values).any():
        return None
    return TieKey(known[0].name, item_ids, values[first])


def _kind_of(values: npt.NDArray[Any]) -> str:
    """What values must have in common to compare."""
    return "number" if values.dtype.kind in "biuf" else values.dtype.kind
