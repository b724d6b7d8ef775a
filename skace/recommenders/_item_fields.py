"""What is known of the items, by column: from a frame, or from a catalog of texts."""
# SPDX-License-Identifier: BSD-3-Clause

import narwhals as nw
import numpy as np

from skace._validation import first_few
from skace.data import Catalog
from skace.data._repr import frame_library
from skace.data.features._frames import require_columns

__all__ = ["frame_of", "has_texts", "read_items"]


def frame_of(columns, backend, items, item):
    """Frame of some columns, with what is known of the items in its column ``item_id``."""
    if items is not None:
        catalog, fields = read_items(items, item)
        columns |= _fields_by_line(catalog, fields, columns)
        if backend is None and not isinstance(items, Catalog):
            backend = nw.get_native_namespace(items)
    return nw.from_dict(columns, backend=backend or frame_library()).to_native()


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


def _fields_by_line(catalog, fields, columns):
    """Fields of the recommended item of each line."""
    taken = [name for name in fields if name in columns]
    if taken:
        raise ValueError(
            f"items has the column(s) {first_few(taken)}, which recommendations have themselves; "
            "rename or drop them."
        )
    ids = columns["item_id"]
    rows = catalog.row_of(ids)
    if (rows < 0).any():
        lacking = np.unique(ids[rows < 0])
        raise ValueError(
            f"items lacks {lacking.size} recommended item(s): {first_few(lacking)}; pass a frame "
            "that has them."
        )
    rows = rows.tolist()
    return {name: [values[row] for row in rows] for name, values in fields.items()}
