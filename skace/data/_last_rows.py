"""Last rows of users, which others may be asked to find."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._typing import Float64Array, IntArray
from skace.data._interactions import Interactions
from skace.data._row_numbers import distinct

__all__ = ["last_of_several", "rows_with_weight"]


def rows_with_weight(X: Interactions, weights: Float64Array | None) -> IntArray:
    """Log positions of the rows that teach something, sorted, each once.

    Parameters
    ----------
    X : Interactions
        Rows of the log.
    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; rows of weight 0 are as good as absent.
    """
    rows = distinct(X._ends)
    return rows if weights is None else rows[weights[rows] > 0]


def last_of_several(X: Interactions, rows: IntArray) -> IntArray:
    """Last row of each user of whom another row stays; ``rows`` are sorted log positions."""
    users = X._log.users_at(rows)
    is_last = np.append(np.diff(users) != 0, True)
    is_second = np.append(False, np.diff(users) == 0)
    found: IntArray = rows[(is_last & is_second)[: rows.size]]
    return found
