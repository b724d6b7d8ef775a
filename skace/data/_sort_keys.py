"""Sort keys from callers: what cannot be put into an order is refused."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np

from skace._arrays import plain_array
from skace._typing import IntArray

__all__ = ["ranks_of_keys"]


def ranks_of_keys(keys: Any, n_keys: int, name: str) -> IntArray:
    """Rank of each key among the different ones, from 0.

    Parameters
    ----------
    keys : array-like of shape (n_keys,)
        Numbers, texts, datetimes, or whatever else compares; none missing.

    n_keys : int
        How many there have to be.

    name : str
        What the caller calls them.

    Raises
    ------
    ValueError
        If they are of another shape, missing, or do not compare with each other.
    """
    array = plain_array(keys, name)
    if array.shape != (n_keys,):
        raise ValueError(
            f"{name} must give one key each: expected shape ({n_keys},), got {array.shape}."
        )
    if array.dtype.kind in "SU" and not isinstance(keys, np.ndarray):
        # numpy turns the numbers of a mixed list into texts without a word.
        array = np.asarray(keys, dtype=object)
    _refuse_missing(array, name)
    try:
        ranks: IntArray = np.unique(array, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise ValueError(
            f"the keys of {name} do not compare with each other ({error}); give numbers only, "
            "texts only, or datetimes only."
        ) from error
    return ranks


def _refuse_missing(array: Any, name: str) -> None:
    """Raise for NaN, NaT and None."""
    if array.dtype == object:
        is_missing = np.array([_is_nothing(key) for key in array.tolist()], dtype=bool)
    else:
        is_missing = array != array
    if is_missing.any():
        raise ValueError(
            f"the keys of {name} are missing for {int(is_missing.sum())} entries, first at "
            f"position {int(np.argmax(is_missing))}; give each a key."
        )


def _is_nothing(key: Any) -> bool:
    """Whether a key is None, NA, NaT or NaN; NA cannot be asked whether it is like itself."""
    return key is None or type(key).__name__ == "NAType" or bool(key != key)
