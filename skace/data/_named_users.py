"""Users by their ids."""
# SPDX-License-Identifier: BSD-3-Clause

from typing import Any

import numpy as np

from skace._typing import IdArray, IntArray
from skace._validation import check_ids, first_few, kind_of_ids

__all__ = ["rows_of_users"]


def rows_of_users(users: IdArray, user_ids: Any) -> IntArray:
    """Places of ids among distinct users.

    Parameters
    ----------
    users : ndarray of shape (n_users,)
        In any order.
    user_ids : array-like of shape (n_asked,)
        Each of them one of ``users``.

    Returns
    -------
    rows : ndarray of shape (n_asked,), dtype int64
        ``users[rows]`` are the ids.

    Raises
    ------
    ValueError
        If a user is unknown, or the ids are of another type. The first ones are named.
    """
    asked = check_ids([user_ids] if isinstance(user_ids, str) else user_ids, "user_ids")
    if asked.size == 0:
        return np.zeros(0, dtype=np.int64)
    if users.size and kind_of_ids(asked) != kind_of_ids(users):
        raise ValueError(
            f"user_ids are {kind_of_ids(asked)} (first {first_few(asked[:1])}), but the users of X "
            f"are {kind_of_ids(users)} (first {first_few(users[:1])}); convert one of them."
        )
    order = np.argsort(users, kind="stable")
    places = np.minimum(np.searchsorted(users, asked, sorter=order), max(users.size - 1, 0))
    rows: IntArray = order[places] if users.size else np.zeros(asked.size, dtype=np.int64)
    is_known = users[rows] == asked if users.size else np.zeros(asked.size, dtype=bool)
    if not is_known.all():
        unknown = np.unique(asked[~is_known])
        raise ValueError(
            f"user_ids holds {unknown.size} user(s) without a row in X: {first_few(unknown)}; "
            "leave them out, or ask with their histories as a list of lists of item ids."
        )
    return rows
