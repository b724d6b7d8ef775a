"""Labelled rows: those of a pandas frame or Series whose index holds the item ids."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import narwhals as nw
import numpy as np

from skace._typing import IdArray
from skace._validation import first_few

__all__ = ["rows_by_label", "without_labels"]


def without_labels(frame: Any) -> Any:
    """Frame whose rows have no labels; only those of pandas have any."""
    return frame.reset_index(drop=True) if nw.dependencies.is_pandas_dataframe(frame) else frame


def rows_by_label(
    features: Any, item_ids: IdArray, given_ids: Any = None, *, name: str = "features"
) -> Any:
    """Features in the order of the ids, without labels.

    Parameters
    ----------
    features : object
        Only frames and Series of pandas have labels; anything else is handed back.
    item_ids : ndarray of shape (n_items,)
        Ids, in the order that is wanted.
    given_ids : object, default=None
        The ids as the caller gave them. If they have the labels of the features, rows belong
        together by position.
    name : str, default="features"
        What the caller calls them.

    Raises
    ------
    ValueError
        If the labels are neither made up (0, 1, ...), nor those of the ids, nor the ids.
    """
    is_frame = nw.dependencies.is_pandas_dataframe(features)
    if not is_frame and not nw.dependencies.is_pandas_series(features):
        return features
    index = features.index
    plain = features.reset_index(drop=True)
    own = getattr(given_ids, "index", None) if nw.dependencies.is_pandas_series(given_ids) else None
    is_made_up = index.name is None and np.array_equal(np.asarray(index), np.arange(len(index)))
    if is_made_up or (own is not None and own.equals(index)):
        return plain
    labels = np.asarray(index)
    if labels.ndim == 1 and labels.dtype.kind in "OUT":
        labels = labels.astype(np.str_)
    places = np.argsort(labels, kind="stable")
    order = np.argsort(item_ids, kind="stable")
    if labels.shape == item_ids.shape and np.array_equal(labels[places], item_ids[order]):
        found = np.empty_like(places)
        found[order] = places
        return plain.iloc[found].reset_index(drop=True)
    raise ValueError(
        f"the index of {name} ({first_few(labels)}) is neither 0, 1, ... nor the item ids "
        f"({first_few(item_ids)}), so it is not known which row is whose; set the column of ids as "
        "index, or drop the index with .reset_index(drop=True) if rows are in the order of the ids."
    )
