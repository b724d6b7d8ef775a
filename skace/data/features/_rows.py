"""Rows of a feature matrix, looked at in blocks, so that memmaps stay on disk."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from skace._typing import BoolArray, IdArray
from skace._validation import first_few
from skace.data.features._forms import is_sparse

__all__ = ["fill_zero_rows", "filled_rows", "refuse_non_finite", "row_chunks"]

_CHUNK_BYTES = 32 * 2**20  # of a matrix looked at in one piece


def row_chunks(features: Any) -> Iterator[tuple[int, Any]]:
    """Yield (first row, block of rows) in blocks of about 32 MiB."""
    row_bytes = max(1, features.shape[1] * features.dtype.itemsize)
    step = max(1, _CHUNK_BYTES // row_bytes)
    for start in range(0, features.shape[0], step):
        yield start, features[start : start + step]


def _rows_with_any(features: Any, what: Any) -> BoolArray:
    """Boolean per row: whether ``what(block)`` holds anywhere in it."""
    flags = np.zeros(features.shape[0], dtype=bool)
    for start, block in row_chunks(features):
        if is_sparse(block):
            marks = sp.csr_array((what(block.data), block.indices, block.indptr), block.shape)
            flags[start : start + block.shape[0]] = np.asarray(marks.sum(axis=1)).ravel() > 0
        else:
            flags[start : start + block.shape[0]] = what(block).any(axis=1)
    return flags


def filled_rows(features: Any) -> BoolArray:
    """Mask of the rows that are not zero."""
    return _rows_with_any(features, lambda block: block != 0)


def refuse_non_finite(features: Any, ids: IdArray) -> None:
    """Raise if a row holds NaN or infinity."""
    bad = ids[_rows_with_any(features, lambda block: ~np.isfinite(block))]
    if bad.size:
        raise ValueError(
            f"features holds NaN or infinity for {bad.size} item(s): {first_few(bad)}; "
            "drop or encode these items again."
        )


def fill_zero_rows(features: Any, ids: IdArray, missing: str) -> Any:
    """Features without zero rows: refused, or replaced by the mean of the others."""
    is_zero = ~filled_rows(features)
    if not is_zero.any():
        return features
    if missing == "error":
        bad = ids[is_zero]
        raise ValueError(
            f"features is zero for {bad.size} item(s): {first_few(bad)}; encode these items, "
            "or pass missing='mean' to give them the mean of the others."
        )
    if is_zero.all():
        raise ValueError("features is zero for every item; there is no mean to fill in.")
    if is_sparse(features):
        raise ValueError("missing='mean' needs dense features; call .toarray() first.")
    filled = np.array(features)
    filled[is_zero] = filled[~is_zero].mean(axis=0, dtype=np.float64)
    return filled
