"""Rows that early stopping watches."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

__all__ = ["check_something_remains", "hold_out_last"]


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
    last = _eligible(X)
    if fraction < 1 and last.size:
        last = np.sort(rng.choice(last, size=_n_held_out(last.size, fraction), replace=False))
    return last


def _eligible(X):
    """Last row of each user of whom another row stays."""
    events = np.unique(X._ends)
    users = X._log.users_at(events)
    is_last = np.append(np.diff(users) != 0, True)
    is_second = np.append(False, np.diff(users) == 0)
    return events[is_last & is_second]


def _n_held_out(n_eligible, fraction):
    """Number of users whose last row is held out; at least one if any is eligible."""
    return max(1, round(fraction * n_eligible)) if n_eligible else 0


def check_something_remains(X, fraction):
    """Raise unless a row with a past remains when rows are held out.

    Parameters
    ----------
    X : Interactions
        Training rows.
    fraction : float
        Share of the eligible users whose last row is held out; 0 for none.
    """
    events = np.unique(X._ends)
    n_with_past = int((events > X._log.offsets[X._log.users_at(events)]).sum())
    if n_with_past == 0:
        raise ValueError(
            "no row of X has a past, so a sequence model has nothing to learn from; X holds only "
            "the first event of each user."
        )
    n_held_out = _n_held_out(_eligible(X).size, fraction) if fraction else 0
    if n_with_past == n_held_out:
        raise ValueError(
            f"all {n_held_out} row(s) of X with a past would be held out for early stopping; set "
            "early_stopping=False, lower validation_fraction, or pass X_val."
        )
