"""Check plain lists of item id sequences."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterable
from typing import Any

import narwhals as nw
import numpy as np

__all__ = ["check_sequences", "listed"]


def listed(values: Any) -> Any:
    """A Series as a list, of lists if it is nested; anything else as it is."""
    if nw.dependencies.is_into_series(values):
        return nw.from_native(values, series_only=True).to_list()
    return values


def check_sequences(sequences: Iterable[Any], name: str) -> list[Any]:
    """List of sequences of ids; a flat list, a string or a 2-D array is refused."""
    if isinstance(sequences, (str, bytes)):
        raise ValueError(
            f"{name} is the string {sequences!r}; pass a list of sequences of item ids, "
            f"for one visitor [[{sequences!r}]]."
        )
    if isinstance(sequences, np.ndarray) and (sequences.dtype.kind != "O" or sequences.ndim > 1):
        raise ValueError(
            f"{name} is an array of shape {sequences.shape}, in which padding cannot be told "
            "from items; pass a list of lists of item ids, oldest first."
        )
    sequences = list(listed(sequences))
    for place, sequence in enumerate(sequences):
        if isinstance(sequence, (set, frozenset, dict)):
            raise ValueError(
                f"{name}[{place}] is a {type(sequence).__name__}, which has no order; pass a list "
                "of item ids, oldest first."
            )
        if isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
            raise ValueError(
                f"{name}[{place}] is the single id {sequence!r}, not a sequence; pass a list "
                f"of sequences, for one visitor [[{sequence!r}, ...]]."
            )
    return sequences
