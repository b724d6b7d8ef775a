"""Rows that early stopping watches."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace.data._last_rows import last_of_several, rows_with_weight
from skace.data._row_numbers import distinct

__all__ = ["check_something_remains", "hold_out_last"]


def hold_out_last(X, fraction, rng, weights=None):
    """Log positions of the last row of each user with two rows, for a share of these users.

    Parameters
    ----------
    X : Interactions
        Training rows.
    fraction : float
        Share of the eligible users, in (0, 1].
    rng : numpy.random.RandomState
        Chooses the users when the share is below 1.
    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; rows of weight 0 are as good as absent.

    Returns
    -------
    positions : ndarray of shape (n_held_out,)
        Sorted; at least one if any user is eligible.
    """
    last = last_of_several(X, rows_with_weight(X, weights))
    if fraction < 1 and last.size:
        last = np.sort(rng.choice(last, size=_n_held_out(last.size, fraction), replace=False))
    return last


def _n_held_out(n_eligible, fraction):
    """Number of users whose last row is held out; at least one if any is eligible."""
    return max(1, round(fraction * n_eligible)) if n_eligible else 0


def _have_past(X, rows):
    """Whether each row is not the first event of its user."""
    return rows > X._log.offsets[X._log.users_at(rows)]


def check_something_remains(X, fraction, weights=None, *, to_stop=True):
    """Raise unless a row with a past remains to learn from when rows are held out.

    Parameters
    ----------
    X : Interactions
        Training rows.
    fraction : float
        Share of the eligible users whose last row is held out; 0 for none.
    weights : ndarray of shape (n_events,) or None
        Weight of each event of the log; rows of weight 0 teach nothing.
    to_stop : bool
        Whether rows are held out to stop a training early, or else to learn weights.
    """
    if not _have_past(X, distinct(X._ends)).any():
        raise ValueError(
            "no row of X has a past, so a sequence model has nothing to learn from; X holds only "
            "the first event of each user. PopularityEstimator needs no past, nor do neighbours "
            "by text (ItemKNNEstimator)."
        )
    rows = rows_with_weight(X, weights)
    teaches = _have_past(X, rows)
    if not teaches.any():
        raise ValueError(
            "sample_weight is 0 for every row that has a past, so a sequence model has nothing to "
            "learn from; give some of them a positive weight."
        )
    eligible = last_of_several(X, rows)
    n_held_out = _n_held_out(eligible.size, fraction) if fraction else 0
    n_at_risk = int(np.isin(rows[teaches], eligible).sum())
    if int(teaches.sum()) - min(n_held_out, n_at_risk) == 0:
        purpose = "for early stopping" if to_stop else "to learn the weights from"
        remedy = "set early_stopping=False, " if to_stop else ""
        raise ValueError(
            f"all {int(teaches.sum())} row(s) of X with a past would be held out {purpose}; "
            f"{remedy}lower validation_fraction, or pass X_val."
        )
