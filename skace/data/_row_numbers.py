"""Numbers of rows: an array, or a range where they follow each other."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np
import numpy.typing as npt

from skace._typing import IntArray

__all__ = ["RowNumbers", "as_array", "chosen", "distinct", "values_at"]

# All rows of a log are a range, which takes no memory however many they are.
RowNumbers = IntArray | range


def as_array(numbers: RowNumbers) -> IntArray:
    """Numbers one by one."""
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    return numbers


def chosen(numbers: RowNumbers, key: Any) -> RowNumbers:
    """Numbers at a slice, at places or under a mask of as many; a slice of a range is one."""
    if isinstance(key, slice) or not isinstance(numbers, range):
        found: RowNumbers = numbers[key]
        return found
    places = np.flatnonzero(key) if key.dtype.kind == "b" else key.astype(np.int64)
    n = len(numbers)
    is_beyond = (places < -n) | (places >= n)
    if is_beyond.any():
        raise IndexError(f"row {places[is_beyond][0]} is out of bounds for {n} rows.")
    return numbers.start + numbers.step * np.where(places < 0, places + n, places)


def values_at(values: npt.NDArray[Any], numbers: RowNumbers) -> npt.NDArray[Any]:
    """Copy of the values with these numbers."""
    if isinstance(numbers, range) and numbers.step > 0:
        return np.array(values[numbers.start : numbers.stop : numbers.step])
    return values[as_array(numbers)]


def distinct(numbers: IntArray) -> IntArray:
    """Ascending numbers, each once; those that are so already are given back as they are."""
    if (numbers[1:] > numbers[:-1]).all():  # as rows of a log mostly are; to sort takes longer
        return numbers
    found: IntArray = np.unique(numbers)
    return found
