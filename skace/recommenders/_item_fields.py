"""What is known of the items, by column: from a frame, or from a catalog of texts."""
# SPDX-License-Identifier: BSD-3-Clause

import narwhals as nw
import numpy as np

from skace.data import Catalog
from skace.data._catalog import require_columns

__all__ = ["has_texts", "read_items"]


def read_items(items, item):
    """Catalog that knows the ids, and the fields of its items as lists by name."""
    if isinstance(items, Catalog):
        return items, _texts_of(items)
    if not nw.dependencies.is_into_dataframe(items):
        raise TypeError(f"items must be a frame or a Catalog of texts, got {type(items).__name__}.")
    table = nw.from_native(items, eager_only=True)
    require_columns(table, [item], "items")
    fields = {name: table[name].to_list() for name in table.columns if name != item}
    return Catalog(table[item].to_numpy()), fields


def _texts_of(catalog):
    """Texts of a catalog as lists by name."""
    texts = catalog.features
    if isinstance(texts, np.ndarray) and texts.ndim == 1:
        return {"text": texts.tolist()}
    if not has_texts(catalog):
        raise ValueError(
            "items is a catalog without texts, so it has no fields to add; pass the frame of items."
        )
    return nw.from_native(texts, eager_only=True).to_dict(as_series=False)


def has_texts(catalog):
    """Whether a catalog holds texts, not vectors or nothing."""
    texts = catalog.features
    is_list = isinstance(texts, np.ndarray) and texts.ndim == 1
    return is_list or nw.dependencies.is_into_dataframe(texts)
