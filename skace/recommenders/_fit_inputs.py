"""What `fit` is given beside its rows: weights of events, and rows to watch."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._validation import kind_of_ids
from skace.data import ValidationSet
from skace.data._inputs import rows_to_score
from skace.data._row_values import check_weights, row_weights

_NOTHING = 1e-30  # beside the largest weight, in float32

__all__ = ["check_validation", "event_weights", "in_float32"]


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
