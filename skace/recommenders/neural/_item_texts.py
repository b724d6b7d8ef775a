"""ItemTexts: what a catalog says of its items in words."""
# SPDX-License-Identifier: BSD-3-Clause

import narwhals as nw
import numpy as np

from skace._validation import first_few
from skace.embeddings.text._columns import TextColumns
from skace.embeddings.text._template import TextTemplate

__all__ = ["ItemTexts", "as_names"]


class ItemTexts:
    """Texts of the items of a catalog, as they are and with the names of their columns.

    Parameters
    ----------
    catalog : Catalog
        Of texts.

    fields : str, list of str or None
        Columns to read; None for all of texts.

    Raises
    ------
    ValueError
        If the catalog holds something else, or lacks a column, or an item has no text.
    """

    def __init__(self, catalog, fields):
        features = catalog.features
        is_text = isinstance(features, np.ndarray) and features.ndim == 1
        if not is_text and not nw.dependencies.is_into_dataframe(features):
            has = "no item texts" if features is None else "numbers in place of item texts"
            raise ValueError(
                f"the catalog has {has}, of which GRAMTextEstimator makes all that it reads; build "
                "X with catalog=Catalog(item_ids, texts) or Catalog.from_frame(items, "
                "features=['title', ...]). Of plain lists and frames of events it cannot learn."
            )
        columns = TextColumns(features, None if fields is None else as_names(fields))
        self.fields = columns.names
        values = columns.rows(0, columns.n_rows)
        self.plain = TextTemplate("{values}").render(values)
        self.named = TextTemplate("{fields}").render(values)
        empty = catalog.item_ids[[not text for text in self.plain]]
        if empty.size:
            raise ValueError(
                f"{empty.size} item(s) have no text in {', '.join(map(repr, self.fields))}: "
                f"{first_few(empty)}; give them one, an id is made of its words."
            )


def as_names(fields):
    """Names of columns as a list: one name stands for itself."""
    return [fields] if isinstance(fields, str) else list(fields)
