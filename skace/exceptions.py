"""Warnings of skace; errors are builtins and scikit-learn's own."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["FutureLeakageWarning", "RepeatedEventsWarning", "RowOrderWarning", "TiedTargetsWarning"]


class FutureLeakageWarning(UserWarning):
    """A model learns from events after those on which it is likely to be tested.

    There are two cases. Training rows of a user lie on both sides of an event that is not a
    training row, as with a shuffled ``KFold``. Or the rows are the first rows of a log that is
    sorted by user, as with ``TimeSeriesSplit`` and ``train_test_split(shuffle=False)``, which
    assume that rows are in the order of time. Split by time (``LeaveLastOut``, ``TemporalSplit``)
    or by user (``GroupKFold`` with ``groups=X.users``) instead.

    Notes
    -----
    Stability: provisional.
    """


class RepeatedEventsWarning(UserWarning):
    """Events of a log repeat user, item and time of earlier ones.

    This is typical of a log that was read twice. The next event then repeats the last one, and
    models look much better than they are. ``drop_duplicates=True`` keeps one of each.

    Notes
    -----
    Stability: provisional.
    """


class RowOrderWarning(UserWarning):
    """Values for the rows of Interactions may be in the order of the input instead.

    Rows are sorted by user and time, so a column of the original frame is in another order. Weights
    stay with their events if both are passed together (``Interactions(..., weights=)``,
    ``from_frame(..., weight=)``). ``Interactions.in_row_order`` puts other values into the order of
    the rows.

    Notes
    -----
    Stability: provisional.
    """


class TiedTargetsWarning(UserWarning):
    """The order of events of equal time decides what is tested, or gives it away.

    There are two reasons for this warning:

    * More than half of the last events (of users with two events or more) have the time of the
      event before, so the order of the input decides which of them is the last. This counts only
      if that order was kept.
    * Tied neighbours are in the order of the item ids, or of the ``tie_key`` of the log: they
      ascend (or descend) more often than neighbours of different times, by more than .2, and in
      more than half of the cases. The next item can then be guessed from its id.

    Each must hold at the lower end of a 95 % interval over users (the difference must be above 0
    there), with at least ten users. Splitters, `ranking_report`, `target_ranks` and the scorers
    give the warning, once per log.

    Shuffle tied events with ``Interactions(..., ties="shuffle")`` or ``X.reorder_ties("shuffle")``,
    and report the mean over several orders.

    Notes
    -----
    Stability: provisional.
    """
