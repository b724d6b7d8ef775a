"""FitRows: what a fit learns from, as data."""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass

import numpy as np

from skace._typing import BoolArray, Float64Array, IntArray
from skace.data import Interactions

__all__ = ["FitRows"]


@dataclass(frozen=True, slots=True, eq=False)
class FitRows:
    """The rows that a recommender learns from, checked, in the columns of the model.

    Parameters
    ----------
    X : Interactions
        Training rows.

    columns : ndarray of shape (n_catalog_items,)
        Model column of each item of X's catalog.

    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log, if any were given.

    X_val : Interactions or None
        Validation rows.

    is_fresh : bool
        Whether nothing is known yet; False for a warm start and for more events.

    n_passes : int or None
        Passes over the rows; None leaves it to the model's parameters. 1 in `partial_fit`.

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
        """Model column of the item of each event of the log, shape (n_events,)."""
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
