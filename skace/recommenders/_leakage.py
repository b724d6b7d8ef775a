"""Warn of training rows that lie in the future of what is tested."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings
import weakref
from typing import NamedTuple

import numpy as np

from skace._callers import caller_level
from skace.data._row_numbers import distinct
from skace.exceptions import FutureLeakageWarning

__all__ = ["RowsLearned", "warn_of_future_leakage", "warn_of_lone_events", "warn_of_row_order"]


def warn_of_future_leakage(X):
    """Warn if events that are not rows lie between two rows of the same user."""
    ends = distinct(X._ends)
    users = X._log.users_at(ends)
    gaps = np.diff(ends) - 1
    n_enclosed = int(gaps[np.diff(users) == 0].sum())
    if n_enclosed:
        warnings.warn(
            f"{n_enclosed} event(s) that are not training rows lie between training rows of the "
            "same user, so the model learns from what came after them. If they are to be "
            "tested, the scores flatter. Split with LeaveLastOut, or with GroupKFold and "
            "groups=X.users.",
            FutureLeakageWarning,
            stacklevel=caller_level(),
        )


def warn_of_lone_events(X):
    """Warn if no row of new events has a past."""
    if not (X._starts < X._ends).any():
        warnings.warn(
            f"none of the {len(X)} row(s) of X has a past, so nothing is learned of what comes "
            "after what. If the users were known before, take rows whose pasts hold their earlier "
            "events: before.append(X, only_new=True).",
            UserWarning,
            stacklevel=caller_level(),
        )


class RowsLearned(NamedTuple):
    """Which rows a model has learned: those of a log from the first one to ``last``."""

    log: weakref.ref
    last: int

    @classmethod
    def of(cls, X):
        """Rows of X, or None if they are not the first ones of a log with times, all of them."""
        n_rows = distinct(X._ends).size
        last = int(X._ends.max(initial=-1))
        is_head = last + 1 == n_rows and n_rows < X._log.n_events
        return cls(weakref.ref(X._log), last) if is_head and X._log.timestamps is not None else None


def warn_of_row_order(learned, X):
    """Warn if rows follow those that were learned where time does not.

    Rows are sorted by user first. A splitter that takes their order for that of time cuts the
    log in two, or in more parts than one trains and one tests on.

    Parameters
    ----------
    learned : RowsLearned or None
        What the model was fitted on.
    X : Interactions
        Rows that are scored.
    """
    if learned is None or X._log is not learned.log() or X.is_query or len(X) == 0:
        return
    ends = distinct(X._ends)
    first, last = ends[0], ends[-1]
    is_next = first == learned.last + 1 and last - first + 1 == ends.size
    log = X._log
    # Between two users only a rest that nobody uses tells such a splitter from one by user.
    is_cut = first not in log.offsets or last + 1 < log.n_events
    if is_next and is_cut and log.timestamps[first:].min() < log.timestamps[:first].max():
        warnings.warn(
            f"the rows to score are rows {first} to {last} of the log, right behind those that "
            "were learned, but rows are sorted by user first: learned rows came later in time. "
            "TimeSeriesSplit and train_test_split(shuffle=False) cut so. Split by time with "
            "TemporalSplit or LeaveLastOut, or by user with GroupKFold and groups=X.users.",
            FutureLeakageWarning,
            stacklevel=caller_level(),
        )
