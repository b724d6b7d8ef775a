"""Checks of what callers pass: they return the cleaned value or name the fault."""
# SPDX-License-Identifier: BSD-3-Clause

import reprlib
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from skace._arrays import plain_array
from skace._callers import caller_level
from skace._typing import IdArray, IntArray

__all__ = [
    "check_ids",
    "coded_ids",
    "first_few",
    "kind_of_ids",
    "warn_of_odd_ids",
    "width_of_texts",
]

# What libraries write for a missing value; as an id it is most likely one.
_MISSING_WORDS = ["nan", "NaN", "NAN", "None", "null", "NULL", "NA", "N/A", "<NA>", "NaT"]


def first_few(values: Iterable[Any], limit: int = 3) -> str:
    """Text of the first values, with an ellipsis when there are more."""
    shown: list[str] = []
    for value in values:
        if len(shown) == limit:
            return ", ".join([*shown, "..."])
        shown.append(repr(value.item() if isinstance(value, np.generic) else value))
    return ", ".join(shown)


def width_of_texts(n_items: int) -> int:
    """Even number of components that the texts of so many items surely have, for messages."""
    return 2 * max(1, min(64, n_items // 8))


def kind_of_ids(ids: IdArray) -> str:
    """Word for the type of an id array: "integers" or "strings"."""
    return "strings" if ids.dtype.kind == "U" else "integers"


def check_ids(values: Any, name: str) -> IdArray:
    """One-dimensional int64 or str array of ids.

    Floats are refused although they may be whole: they are what is left of integers
    after a missing value, and 2**53 + 1 is not one of them.
    """
    ids = plain_array(values, name)
    if ids.ndim == 0:
        raise ValueError(
            f"{name} must be a list of ids, got {reprlib.repr(values)}; put a single id in a list."
        )
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
        _refuse_empty(ids, name)
        return ids
    _refuse_gaps(ids, name)
    raise ValueError(
        f"{name} must be integers or strings, got dtype {ids.dtype} "
        f"(first value {first_few(ids[:1])}); convert the column, for example with "
        ".astype(int) after dropping missing values."
    )


def coded_ids(values: Any, name: str) -> tuple[IdArray, IntArray]:
    """Different ids, sorted, and the number of each value among them.

    As ``np.unique(check_ids(values, name), return_inverse=True)``, but of texts only the
    different ones become an array: there a single long one makes all of them long.
    """
    texts = _listed_texts(values)
    if texts is None:
        ids, codes = np.unique(check_ids(values, name), return_inverse=True)
        return ids, codes.astype(np.int64, copy=False)
    numbers: dict[str, int] = {}
    given = np.fromiter(
        (numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts)
    )
    bad = next((text for text in numbers if not text or "\0" in text), None)
    if bad is not None:  # the error tells where it stands among all values
        check_ids(np.array(texts, dtype=object), name)
    ids = np.array(list(numbers), dtype=np.str_)
    order = np.argsort(ids, kind="stable")
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return ids[order], places[given]


def _listed_texts(values: Any) -> list[str] | None:
    """Texts of a list or of an array of objects, or None if it holds anything else."""
    if not isinstance(values, (list, tuple)):
        array = plain_array(values, "values") if not isinstance(values, np.ndarray) else values
        is_plain = not isinstance(array, np.ma.MaskedArray)
        if not is_plain or array.ndim != 1 or array.dtype.kind not in "OT":
            return None
        values = array.tolist()
    types = {type(value) for value in values}
    if not types or not all(issubclass(t, str) for t in types):
        return None
    # A subclass may call itself equal to others.
    return list(values) if types == {str} else [str.__str__(value) for value in values]


def _as_int64(ids: IdArray, name: str) -> IdArray:
    """Integers as int64; what does not fit is refused."""
    if ids.dtype.kind == "u" and ids.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {ids.max()}, which does not fit in int64; pass strings.")
    return ids.astype(np.int64, copy=False)


def _ids_of_objects(ids: IdArray, name: str) -> IdArray:
    """Typed array from an object array; mixed types and missing values are refused."""
    types = {type(value) for value in ids.tolist()}
    if all(issubclass(t, str) for t in types):
        return _texts(ids.tolist(), name)
    if all(issubclass(t, (int, np.integer)) and t is not bool for t in types):
        return _integers([int(value) for value in ids.tolist()], name)
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


def _integers(numbers: list[int], name: str) -> IdArray:
    """Array of integers; what does not fit in int64 is refused."""
    most = max(numbers, key=abs, default=0)
    if abs(most) >= 2**63:
        raise ValueError(f"{name} holds {most}, which does not fit in int64; pass strings.")
    return np.array(numbers, dtype=np.int64)


def _texts(texts: list[Any], name: str) -> IdArray:
    """Array of the texts themselves, whatever a subclass of str shows in their place."""
    texts = [str.__str__(text) for text in texts]
    for place, text in enumerate(texts):
        if "\0" in text:
            raise ValueError(
                f"{name} holds {text!r} at position {place}, with a NUL character, which arrays of "
                "texts cut off at the end of an id; replace it."
            )
    return np.array(texts, dtype=np.str_)


def _refuse_empty(ids: IdArray, name: str) -> None:
    """Raise for ids without a character: what a missing value leaves in a file."""
    is_empty = ids == ""
    if is_empty.any():
        raise ValueError(
            f"{name} is empty ('') for {int(is_empty.sum())} entries, first at position "
            f"{int(np.argmax(is_empty))}; drop them, or give them an id."
        )


def _refuse_gaps(ids: IdArray, name: str) -> None:
    """Raise for floats that are integers with missing values among them."""
    if ids.dtype.kind != "f" or not np.isnan(ids).any():
        return
    is_missing = np.isnan(ids)
    raise ValueError(
        f"{name} is missing for {int(is_missing.sum())} entries, first at position "
        f"{int(np.argmax(is_missing))}, which made the others {ids.dtype}; drop these rows, then "
        "convert the column with .astype(int)."
    )


def warn_of_odd_ids(ids: IdArray, name: str) -> None:
    """Warn of ids that look like missing values.

    Parameters
    ----------
    ids : ndarray
        Different ids.
    name : str
        What the caller calls them.
    """
    if kind_of_ids(ids) != "strings":
        return
    words = ids[np.isin(ids, _MISSING_WORDS)]
    if words.size:
        warnings.warn(
            f"{name} holds {first_few(words)}, which is how libraries write a missing value; it is "
            "taken as an id like any other. Drop such events, or rename the id if it is one.",
            UserWarning,
            stacklevel=caller_level(),
        )
