"""Warnings of skace; errors are builtins and scikit-learn's own."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["FutureLeakageWarning", "RepeatedEventsWarning", "RowOrderWarning"]


class FutureLeakageWarning(UserWarning):
    """A model learns from what happened after the events on which it is likely to be tested.

    Either training rows of a user enclose an event that is not a training row, as with a
    shuffled ``KFold``; or the rows are the first ones of a log that is sorted by user, as with
    ``TimeSeriesSplit`` and ``train_test_split(shuffle=False)``, which take the order of rows
    for that of time. Split by time (``LeaveLastOut``, ``TemporalSplit``) or by user
    (``GroupKFold`` with ``groups=X.users``) instead.

    Notes
    -----
    Stability: provisional.
    """


class RepeatedEventsWarning(UserWarning):
    """Events of a log repeat user, item and time of earlier ones.

    Typical of a log that was read twice: what comes next is then what came last, and models
    look much better than they are. ``drop_duplicates=True`` keeps one of each.

    Notes
    -----
    Stability: provisional.
    """


class RowOrderWarning(UserWarning):
    """Values for the rows of Interactions may be in the order of the input instead.

    Rows are sorted by user and time, so a column of the frame that they came from does not
    fit them. Weights stay with their events if they are given with these
    (``Interactions(..., weights=)``, ``from_frame(..., weight=)``);
    ``Interactions.in_row_order`` brings other values into the order of the rows.

    Notes
    -----
    Stability: provisional.
    """
