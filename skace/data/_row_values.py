"""Values of rows: weights, and whatever else comes in the order of the caller's input."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt

from skace._arrays import plain_array
from skace._callers import caller_level
from skace._typing import Float64Array, IntArray
from skace.data._log import EventLog
from skace.exceptions import RowOrderWarning

__all__ = ["check_weights", "in_row_order", "row_weights", "warn_of_mask", "warn_of_order"]


def check_weights(weights: Any, n_rows: int, name: str) -> Float64Array | None:
    """Weights of rows, float64: one for each, finite and at least 0."""
    if weights is None:
        return None
    try:
        values = plain_array(weights, name).astype(np.float64)
    except (TypeError, ValueError) as error:
        if "masked" in str(error):
            raise
        raise ValueError(
            f"{name} must be numbers, got {type(weights).__name__}: {error}"
        ) from error
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} must have one value per row: expected shape ({n_rows},), got {values.shape}."
        )
    is_bad = ~(np.isfinite(values) & (values >= 0))
    if is_bad.any():
        row = int(np.argmax(is_bad))
        raise ValueError(f"{name}[{row}] is {values[row]}; weights must be finite and at least 0.")
    return values


def in_row_order(values: Any, source_rows: IntArray, log: EventLog) -> npt.NDArray[Any]:
    """Values of the input, as many as it had events, in the order of rows."""
    array = plain_array(values, "values")
    if array.ndim == 0 or len(array) != log.n_inputs:
        raise ValueError(
            f"values must hold one for each event of the input, of which there were "
            f"{log.n_inputs}, got shape {array.shape}."
        )
    found: npt.NDArray[Any] = array[source_rows]
    return found


def row_weights(X: Any, sample_weight: Any) -> Float64Array | None:
    """Weight of each row of X: those given, else its own; both are refused.

    Parameters
    ----------
    X : Interactions of shape (n_rows,)
        Rows of a log.
    sample_weight : array-like of shape (n_rows,) or None
        As the caller gave them.

    Returns
    -------
    weights : ndarray of shape (n_rows,), float64, or None
        In the order of the rows.
    """
    if sample_weight is None:
        own: Float64Array | None = X.weights
        return own
    if X._log.weights is not None:
        raise ValueError(
            "sample_weight is given, but X has weights of its own; leave one of them out, for "
            "instance with X.with_weights(None)."
        )
    weights = check_weights(sample_weight, len(X), "sample_weight")
    warn_of_order(X, sample_weight, "sample_weight")
    return weights


def warn_of_order(X: Any, values: Any, name: str) -> None:
    """Warn if values for the rows of X may be in the order of the input instead."""
    source = X.source_rows
    is_sorted = bool((np.diff(source) >= 0).all())
    if nw.dependencies.is_pandas_series(values):
        index = np.asarray(values.index)
        if np.array_equal(index, source):
            return  # the labels are those of the rows
        if is_sorted and _is_unlabelled(values.index):
            return
        what = "has labels that are not the source_rows of X"
    elif is_sorted:
        return
    else:
        what = "cannot tell in which order it is"
    warnings.warn(
        f"{name} {what}, and it is read in the order of the rows, which are sorted by user and "
        "time, not in that of the input. Give weights with their events, "
        "Interactions.from_frame(..., weight=column); or bring values of the input into the order "
        "of the rows with X.in_row_order(values). If they are in it, say so with "
        "X.with_weights(values).",
        RowOrderWarning,
        stacklevel=caller_level(),
    )


def warn_of_mask(X: Any, mask: Any) -> None:
    """Warn if a mask of the rows of X may be a column of the input, in the order of that."""
    if not nw.dependencies.is_into_series(mask):
        return
    source = X.source_rows
    is_pandas = nw.dependencies.is_pandas_series(mask)
    if (np.diff(source) >= 0).all() or (is_pandas and np.array_equal(mask.index, source)):
        return
    warnings.warn(
        f"the mask is a {type(mask).__name__}, and it is read in the order of the rows, which are "
        "sorted by user and time, not in that of the input. If it comes from a column of the "
        "input, write X[X.in_row_order(mask)]; if it is in the order of the rows, pass an array.",
        RowOrderWarning,
        stacklevel=caller_level(),
    )


def _is_unlabelled(index: Any) -> bool:
    """Whether the index of a Series is the one that pandas makes up: 0, 1, ..."""
    return index.name is None and np.array_equal(np.asarray(index), np.arange(len(index)))
