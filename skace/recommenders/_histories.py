"""Histories: what a model is asked about, in its own item columns."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, replace

import numpy as np

from skace._validation import first_few
from skace._windows import past_events

__all__ = ["Histories", "histories_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """One past per row: ``items[starts[i]:ends[i]]``, oldest first.

    ``items`` are columns of the model; columns from ``n_items`` on are unknown items that
    the model embeds from the features of the catalog in which they came.
    """

    items: np.ndarray  # (n_events,) int64
    starts: np.ndarray  # (n_rows,)
    ends: np.ndarray  # (n_rows,)
    extra_features: np.ndarray | None = None  # (n_extra, n_features)
    times: np.ndarray | None = None  # (n_events,)
    states: np.ndarray | None = None  # (n_rows, D) what the model made of them, if it is known

    def __len__(self):
        return int(self.starts.size)

    @property
    def lengths(self):
        """Number of events of each past, shape (n_rows,)."""
        return self.ends - self.starts

    def take(self, rows):
        """Histories of some rows, over the same events."""
        states = None if self.states is None else self.states[rows]
        return replace(self, starts=self.starts[rows], ends=self.ends[rows], states=states)

    def seen(self, n_items):
        """Row numbers and columns of all past events of known items."""
        rows, events = past_events(self.starts, self.ends)
        columns = self.items[events]
        is_known = columns < n_items
        return rows[is_known], columns[is_known]


def histories_of(X, columns, n_items, handle_unknown, features=None):
    """Histories of the rows of ``X``.

    Parameters
    ----------
    X : Interactions
        Rows or queries.
    columns : ndarray of shape (n_catalog_items,)
        Model column of each item of X's catalog, -1 for unknown ones.
    n_items : int
        Number of columns of the model.
    handle_unknown : {"error", "ignore"}
        What to do with items in a past that are unknown and cannot be embedded.
    features : ndarray of shape (n_catalog_items, n_features) or None
        Features that the model can embed; None when it cannot.

    Returns
    -------
    histories : Histories
        One per row, in order.
    """
    items, times = columns[X._log.items], X._log.timestamps
    starts, ends = X._starts, X._ends
    is_unknown = items < 0
    if not is_unknown.any():
        return Histories(items, starts, ends, times=times)
    n_before = np.concatenate([[0], np.cumsum(is_unknown)])
    if not (n_before[ends] > n_before[starts]).any():
        return Histories(items, starts, ends, times=times)
    if features is not None:
        return _embed_unknown(X, columns, n_items, features)
    if handle_unknown == "error":
        _refuse_unknown(X, is_unknown, n_before)
    if handle_unknown != "ignore":  # may have been set since the fit
        raise ValueError(f"handle_unknown must be 'error' or 'ignore', got {handle_unknown!r}.")
    kept = np.concatenate([[0], np.cumsum(~is_unknown)])
    times = None if times is None else times[~is_unknown]
    return Histories(items[~is_unknown], kept[starts], kept[ends], times=times)


def _embed_unknown(X, columns, n_items, features):
    """Give the unknown items of the log columns of their own."""
    unknown = np.unique(X._log.items[columns[X._log.items] < 0])
    columns = columns.copy()
    columns[unknown] = n_items + np.arange(unknown.size)
    items = columns[X._log.items]
    return Histories(items, X._starts, X._ends, features[unknown], X._log.timestamps)


def _refuse_unknown(X, is_unknown, n_before):
    """Raise a ValueError that names the first unknown items and rows."""
    is_bad = n_before[X._ends] > n_before[X._starts]
    row = int(np.argmax(is_bad))
    past = slice(X._starts[row], X._ends[row])
    ids = X.catalog.item_ids[X._log.items[past][is_unknown[past]]]
    raise ValueError(
        f"the history of X[{row}] holds item ids that the model has not been fitted on: "
        f"{first_few(ids)} ({int(is_bad.sum())} row(s) affected); set handle_unknown='ignore' to "
        "skip such events, or partial_fit the model with a catalog that holds them."
    )
