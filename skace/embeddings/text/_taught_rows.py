"""Rows of a log that an encoder of texts may learn from, and which of them follow each other."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import NamedTuple

import numpy as np

from skace._typing import Float64Array, IntArray
from skace.data import Interactions
from skace.data._last_rows import last_of_several, rows_with_weight

__all__ = ["TaughtRows", "taught_rows"]


class TaughtRows(NamedTuple):
    """Events that teach, user by user, each user's in the order of the log."""

    positions: IntArray  # (n_rows,) places in the log, ascending
    users: IntArray  # (n_rows,) user codes, ascending
    items: IntArray  # (n_rows,) catalog rows
    weights: Float64Array  # (n_rows,)

    @property
    def follows(self) -> IntArray:
        """Rows that come after another one of their user, which is the row before it here."""
        return np.flatnonzero(np.diff(self.users) == 0) + 1


def taught_rows(X: Interactions, *, hold_out_last: bool) -> TaughtRows:
    """Return the rows of X that teach.

    Events of the log that are no rows of X are passed over, not read as pasts: what is learned
    would be the same if they had never happened.

    Parameters
    ----------
    X : Interactions
        Rows of a fit. Those of weight 0 are as good as absent.
    hold_out_last : bool
        Whether the last row of each user who has two is left out.

    Raises
    ------
    ValueError
        If X holds queries.
    """
    X._refuse_queries("item to learn from")
    log = X._log
    rows = rows_with_weight(X, log.weights)
    if hold_out_last:
        rows = np.setdiff1d(rows, last_of_several(X, rows), assume_unique=True)
    weights = np.ones(rows.size) if log.weights is None else log.weights[rows]
    return TaughtRows(rows, log.users_at(rows), log.items[rows], weights)
