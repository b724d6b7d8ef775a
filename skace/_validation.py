"""Checks of what callers pass: they return the cleaned value or name the fault."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from typing import Any

import numpy as np

from skace._typing import IdArray

__all__ = ["check_ids", "first_few", "kind_of_ids"]


def first_few(values: Iterable[Any], limit: int = 3) -> str:
    """Text of the first values, with an ellipsis when there are more."""
    shown: list[str] = []
    for value in values:
        if len(shown) == limit:
            return ", ".join([*shown, "..."])
        shown.append(repr(value.item() if isinstance(value, np.generic) else value))
    return ", ".join(shown)


def kind_of_ids(ids: IdArray) -> str:
    """Word for the type of an id array: "integers" or "strings"."""
    return "strings" if ids.dtype.kind == "U" else "integers"


def check_ids(values: Any, name: str) -> IdArray:
    """One-dimensional int64 or str array of ids.

    Floats are refused although they may be whole: they are what is left of integers
    after a missing value, and 2**53 + 1 is not one of them.
    """
    ids = np.asarray(values)
    if ids.ndim != 1:
        raise ValueError(
            f"{name} must be one-dimensional, got an array of shape {ids.shape}; "
            "pass one id per event."
        )
    if ids.dtype.kind == "U" and not isinstance(values, np.ndarray):
        # numpy turns the integers of a mixed list into strings without a word.
        ids = np.asarray(values, dtype=object)
    if ids.dtype.kind in "OT":
        ids = _ids_of_objects(ids, name)
    if ids.size == 0:
        return ids.astype(np.int64) if ids.dtype.kind not in "iuU" else ids
    if ids.dtype.kind in "iu":
        return _as_int64(ids, name)
    if ids.dtype.kind == "U":
        return ids
    raise ValueError(
        f"{name} must be integers or strings, got dtype {ids.dtype} "
        f"(first value {first_few(ids[:1])}); convert the column, for example with "
        ".astype(int) after dropping missing values."
    )


def _as_int64(ids: IdArray, name: str) -> IdArray:
    """Integers as int64; what does not fit is refused."""
    if ids.dtype.kind == "u" and ids.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {ids.max()}, which does not fit in int64; pass strings.")
    return ids.astype(np.int64, copy=False)


def _ids_of_objects(ids: IdArray, name: str) -> IdArray:
    """Typed array from an object array; mixed types and missing values are refused."""
    types = {type(value) for value in ids.tolist()}
    if all(issubclass(t, str) for t in types):
        return np.array(ids.tolist(), dtype=np.str_)  # StringDType does not cast
    if all(issubclass(t, (int, np.integer)) and t is not bool for t in types):
        return np.array(ids.tolist())
    bad = next(
        place
        for place, value in enumerate(ids.tolist())
        if not isinstance(value, (str, int, np.integer))
        or type(value) is not type(ids[0])
        or isinstance(value, bool)
    )
    raise ValueError(
        f"{name} must be all integers or all strings; at position {bad} stands "
        f"{first_few(ids[[bad]])} of type {type(ids[bad]).__name__}. Convert or drop such values "
        "first."
    )
