"""Rows that early stopping watches."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["hold_out_last"]


def hold_out_last(X, fraction, rng):
    """Log positions of the last row of each user with two rows, for a share of these users.

    Parameters
    ----------
    X : Interactions
        Training rows.
    fraction : float
        Share of the eligible users, in (0, 1].
    rng : numpy.random.RandomState
        Chooses the users when the share is below 1.

    Returns
    -------
    positions : ndarray of shape (n_held_out,)
        Sorted; at least one if any user is eligible.
    """
    events = np.unique(X._ends)
    users = X._log.users_at(events)
    is_last = np.append(np.diff(users) != 0, True)
    is_second = np.append(False, np.diff(users) == 0)
    # A user's last row is held out only if another row of the user stays.
    last = events[is_last & is_second]
    if fraction < 1 and last.size:
        n_kept = max(1, round(fraction * last.size))
        last = np.sort(rng.choice(last, size=n_kept, replace=False))
    return last
