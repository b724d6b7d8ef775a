"""FitRows: what a fit learns from, as data, and the checks of what comes beside the rows."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._typing import BoolArray, Float64Array, IntArray
from skace._validation import kind_of_ids
from skace.data import Interactions, ValidationSet
from skace.data._inputs import rows_to_score
from skace.data._row_values import check_weights, row_weights

__all__ = ["FitRows", "check_validation", "event_weights", "in_float32"]

_NOTHING = 1e-30  # beside the largest weight, in float32


@dataclass(frozen=True, slots=True, eq=False)
class FitRows:
    """Checked training rows, with items as columns of the model.

    Parameters
    ----------
    X : Interactions
        Training rows.

    columns : ndarray of shape (n_catalog_items,)
        Model column of each item of X's catalog.

    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; None if no weights were given.

    X_val : Interactions or None
        Validation rows.

    is_fresh : bool
        Whether the model starts from nothing; False for a warm start and in `partial_fit`.

    n_passes : int or None
        Passes over the rows; None leaves the number to the model's parameters. 1 in `partial_fit`.

    Notes
    -----
    Stability: experimental.
    """

    X: Interactions
    columns: IntArray
    weights: Float64Array | None
    X_val: Interactions | None
    is_fresh: bool
    n_passes: int | None

    @property
    def items(self) -> IntArray:
        """Model column of each event's item, for all events of the log, shape (n_events,)."""
        items: IntArray = self.columns[self.X._log.items]
        return items

    @property
    def offsets(self) -> IntArray:
        """Start of each user's events in the log, shape (n_users + 1,)."""
        return self.X._log.offsets

    @property
    def is_row(self) -> BoolArray:
        """Which events of the log are rows, shape (n_events,)."""
        is_row = np.zeros(self.X._log.n_events, dtype=bool)
        is_row[self.X._ends] = True
        return is_row


def event_weights(X, sample_weight, *, is_sorted):
    """Weight of each event of the log, or None; repeats of a row are averaged.

    ``is_sorted`` is False where the weights are in the order of the input that X was made of.
    """
    if is_sorted:
        weights = row_weights(X, sample_weight)
    else:
        weights = check_weights(sample_weight, len(X), "sample_weight")
        weights = None if weights is None else weights[X.source_rows]
    if weights is None:
        return None
    if not (weights > 0).any():
        raise ValueError("sample_weight is 0 in every row; at least one row must count.")
    n_events = X._log.n_events
    repeats = np.bincount(X._ends, minlength=n_events)
    return np.bincount(X._ends, weights=weights, minlength=n_events) / np.maximum(repeats, 1)


def in_float32(weights):
    """Weights of events (n_events,) with the largest as 1, and 0 for what float32 drowns."""
    if weights is None:
        return None
    weights = weights / weights.max()
    return np.where(weights > _NOTHING, weights, 0.0)


def check_validation(X_val, X):
    """Validation rows, which must not be training rows."""
    if X_val is None:
        return None
    try:
        X_val = rows_to_score(X_val.interactions if isinstance(X_val, ValidationSet) else X_val)
    except (TypeError, ValueError) as error:
        raise type(error)(f"X_val: {error}") from error
    if len(X_val) == 0:
        raise ValueError("X_val has no rows; leave it out, or give rows.")
    n_shared = _count_shared(X_val, X)
    if n_shared:
        raise ValueError(
            f"X_val shares {n_shared} row(s) with X, so early stopping would watch what it trains "
            "on; split first, for example with leave_last_out(X)."
        )
    return X_val


def _count_shared(X_val, X):
    """Validation rows that are training rows.

    Rows of one log are told by position, those of different logs by user, item and time;
    without times only equal logs can tell.
    """
    logs = (X_val._log, X._log)
    if logs[0] is logs[1]:
        return np.intersect1d(X_val._ends, X._ends).size
    if kind_of_ids(logs[0].user_ids) != kind_of_ids(logs[1].user_ids):
        return 0
    if logs[0].timestamps is None or logs[1].timestamps is None:
        is_equal = (
            np.array_equal(logs[0].user_ids, logs[1].user_ids)
            and np.array_equal(logs[0].offsets, logs[1].offsets)
            and np.array_equal(
                X_val.catalog.item_ids[logs[0].items], X.catalog.item_ids[logs[1].items]
            )
        )
        return np.intersect1d(X_val._ends, X._ends).size if is_equal else 0
    keys = [
        set(zip(rows.users.tolist(), rows.items.tolist(), rows.timestamps.tolist(), strict=True))
        for rows in (X_val, X)
    ]
    return len(keys[0] & keys[1])
