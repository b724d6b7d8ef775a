"""LeaveLastOut: test each user's last rows."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from skace._sklearn_compat import Interval, validate_parameter_constraints
from skace._typing import IntArray
from skace.data import Interactions
from skace.model_selection._rows import rows_to_split, warn_of_groups

__all__ = ["LeaveLastOut", "leave_last_out"]


class LeaveLastOut(BaseCrossValidator):
    """Test each user's last row and train on the rows before it.

    Split j (from 1) tests each user's j-th last row of X. Only users with at least ``n_splits + 1``
    rows are tested; the rows of all others are training rows.

    Parameters
    ----------
    n_splits : int, default=1
        Number of splits, at least 1. Later splits train on fewer rows.

    Raises
    ------
    ValueError
        If ``n_splits`` is not an int from 1.

    See Also
    --------
    TemporalSplit : One moment for all users, so training never sees the future of others.
    leave_last_out : The first split as two Interactions.

    Notes
    -----
    "Last" means by position in the user's log, whatever the order of the rows of X. An event that
    is in X more than once counts as one row, and all its repeats go to the same part. Rows after
    the tested row are in neither part. For events of one moment the order of the log decides which
    is last; ``X.reorder_ties`` changes it.

    The test row of one user may be older than the training rows of another, so a model can profit
    from trends that nobody could have known at the time. Most published figures are made this way.
    `TemporalSplit` avoids it.

    For a validation set, set the test rows aside first:
    ``X_train, X_test = leave_last_out(X)``, then search with ``cv=LeaveLastOut()`` on
    ``X_train``.

    Stability: provisional.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.model_selection import LeaveLastOut
    >>> X = Interactions.from_sequences([["a", "b", "c"], ["a"], ["b", "c"]])
    >>> for train, test in LeaveLastOut().split(X):
    ...     print(train, test)
    [0 1 3 4] [2 5]
    >>> for train, test in LeaveLastOut(n_splits=2).split(X):
    ...     print(train, test)
    [0 1 3 4 5] [2]
    [0 3 4 5] [1]
    """

    def __init__(self, n_splits: int = 1) -> None:
        validate_parameter_constraints(
            {"n_splits": [Interval(Integral, 1, None, closed="left")]},
            {"n_splits": n_splits},
            caller_name=type(self).__name__,
        )
        self.n_splits = n_splits

    def split(
        self, X: Interactions, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield the training and test rows of each split.

        Parameters
        ----------
        X : Interactions of shape (n_rows,)
            Rows of a log, in any order.

        y : object
            Not used, present for API consistency by convention.

        groups : object
            Not used. If it is given, a UserWarning is raised.

        Yields
        ------
        train : ndarray of shape (n_train_rows,), dtype int64
            Row numbers of X, ascending.

        test : ndarray of shape (n_test_rows,), dtype int64
            Row numbers of X, ascending.

        Raises
        ------
        ValueError
            If X is a frame, has query rows, or no user has ``n_splits + 1`` rows.

        TypeError
            If X is not Interactions.

        Warns
        -----
        TiedTargetsWarning
            If the order of events of one moment decides which of them is the last, or gives it
            away. Once per log.
        """
        warn_of_groups(self, groups)
        X = rows_to_split(X)
        place, n_events = _places_from_end(X)
        is_tested = n_events > self.n_splits
        if not is_tested.any():
            raise ValueError(
                f"{self!r} needs a user with at least {self.n_splits + 1} rows, but no user of X "
                f"has more than {n_events.max()}; use fewer splits or TemporalSplit."
            )
        for j in range(1, self.n_splits + 1):
            is_test = is_tested & (place == j)
            is_train = ~is_tested | (place > j)
            yield np.flatnonzero(is_train), np.flatnonzero(is_test)

    def get_n_splits(
        self,
        X: Any = None,  # noqa: ARG002 - the signature is scikit-learn's
        y: Any = None,
        groups: Any = None,  # noqa: ARG002
    ) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : object
            Not used, present for API consistency by convention.

        y : object
            Not used, present for API consistency by convention.

        groups : object
            Not used, present for API consistency by convention.

        Returns
        -------
        n_splits : int
            The value given to the constructor.
        """
        return int(self.n_splits)


def leave_last_out(X: Interactions) -> tuple[Interactions, Interactions]:
    """Set each user's last row aside.

    Parameters
    ----------
    X : Interactions of shape (n_rows,)
        Rows of a log, in any order.

    Returns
    -------
    X_train : Interactions
        All other rows, and the only row of users who have just one.

    X_test : Interactions
        The last row of every user with at least two.

    Raises
    ------
    ValueError
        If X is a frame, has query rows, or no user has two rows.

    TypeError
        If X is not Interactions.

    Warns
    -----
    TiedTargetsWarning
        As in `LeaveLastOut`.

    See Also
    --------
    LeaveLastOut : The same as a splitter; says what "last" means.

    Notes
    -----
    Stability: provisional.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.model_selection import leave_last_out
    >>> X = Interactions.from_sequences([["pen", "ink", "cap"], ["pen"]])
    >>> X_train, X_test = leave_last_out(X)
    >>> X_train.items, X_test.items
    (array(['pen', 'ink', 'pen'], dtype='<U3'), array(['cap'], dtype='<U3'))
    """
    train, test = next(LeaveLastOut().split(X))
    return X[train], X[test]


def _places_from_end(X: Interactions) -> tuple[IntArray, IntArray]:
    """For each row: its event's place from the user's end (1 is last), the user's events.

    Both of shape (n_rows,); only events with a row in X count, each once.
    """
    # Log positions ascend by user and time, so sorted positions are sorted that way too.
    events, first_row, event_of_row = np.unique(X._ends, return_index=True, return_inverse=True)
    _, user, n_events = np.unique(X._row_users[first_row], return_inverse=True, return_counts=True)
    place = np.cumsum(n_events)[user] - np.arange(events.size)
    return place[event_of_row], n_events[user][event_of_row]
