"""Keys of histories that come by name."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Mapping
from typing import Any

import numpy as np

from skace._typing import IdArray

__all__ = ["keys_of", "without_keys"]


def keys_of(X: Any) -> IdArray | None:
    """Keys of a dict of histories, or the labels of a Series that has some.

    Parameters
    ----------
    X : dict, Series or anything else
        Histories.

    Returns
    -------
    keys : ndarray of shape (n_histories,) or None
        None for what has no keys, and for a Series that is merely numbered from 0.
    """
    if isinstance(X, Mapping):
        return _array(list(X))
    index = getattr(X, "index", None)
    if index is None or not hasattr(index, "to_numpy"):  # a list has a method of that name
        return None
    labels: IdArray = index.to_numpy()
    if labels.dtype.kind == "O":
        return _array(labels.tolist())
    if getattr(index, "name", None) is not None:
        return labels
    is_numbered = labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(labels.size))
    return None if is_numbered else labels


def without_keys(X: Any) -> Any:
    """Histories of a dict as a list; anything else as it is."""
    return list(X.values()) if isinstance(X, Mapping) else X


def _array(keys: list[Any]) -> IdArray:
    """One-dimensional array of keys, whatever they are."""
    is_plain = {type(key) for key in keys} in ({str}, {int})
    if is_plain:
        return np.array(keys)
    array = np.empty(len(keys), dtype=object)
    array[:] = keys
    return array
