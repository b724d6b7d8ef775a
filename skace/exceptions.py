"""Warnings of skace; errors are builtins and scikit-learn's own."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["FutureLeakageWarning", "RepeatedEventsWarning", "RowOrderWarning", "TiedTargetsWarning"]


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


class TiedTargetsWarning(UserWarning):
    """The order of events of equal time decides what is tested, or gives it away.

    Two findings lead to it, counted once a log:

    * More than half of the last events (of users with two events or more) have the time of the
      event before, so the order of the input decides which of them is the last; told only
      where that order was kept.
    * Tied neighbours stand in the order of the item ids, or of the ``tie_key`` of the log: they
      ascend (or descend) more often than neighbours of different times, by more than .2, and in
      more than half of the cases. The next item can then be guessed from its id.

    Both have to hold at the lower end of an interval of 95 % over users (the difference at
    least above 0), of whom ten are needed. Splitters, `ranking_report`, `target_ranks` and the
    scorers tell it, once a log.

    Shuffle them, ``Interactions(..., ties="shuffle")`` or ``X.reorder_ties("shuffle")``, and
    report the mean of several orders.

    Notes
    -----
    Stability: provisional.
    """
