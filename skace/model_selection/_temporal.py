"""TemporalSplit: test what happened from a moment on, over all users."""
# SPDX-License-Identifier: BSD-3-Clause

from collections.abc import Iterator
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
from sklearn.model_selection import BaseCrossValidator

from skace._sklearn_compat import Interval, validate_parameter_constraints
from skace._typing import BoolArray, IntArray
from skace.data import Interactions
from skace.data._times import Moment, Times, is_before, read_moment
from skace.model_selection._rows import rows_to_split, warn_of_groups

__all__ = ["TemporalSplit"]


class TemporalSplit(BaseCrossValidator):
    """Train on the events before a moment, and test on the events from then on.

    The moment is the same for all users, so training never uses events of the future,
    not even those of other users. Rows of equal time are never divided.

    Parameters
    ----------
    n_splits : int, default=1
        Number of test periods, at least 1. Each ends where the next one begins, the last at the end
        of the log. Training uses all rows before the period.

    test_size : float or int, default=0.1
        Size of each test period: a share of the rows of X, in (0, 1), or a number of rows. All rows
        of the time at which a period begins belong to it, even if this makes the period before
        smaller. The last period has at least this size.

    cuts : timestamp, sequence of timestamps or None, default=None
        When the test periods begin, ascending, as numbers, datetimes or ISO strings like the
        timestamps of X. Moments without a time zone are read in that of the log. ``n_splits`` and
        ``test_size`` are then not used. None: by ``n_splits`` and ``test_size``.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or ``cuts`` is not ascending or not of
        ``n_splits`` moments.

    See Also
    --------
    LeaveLastOut : Each user's last row, at any time; needs no timestamps.

    Notes
    -----
    A test row's past is its full past, including earlier test rows, because they were known at the
    time of the row. Users without a training row are tested as well: models store no users, but
    read the past of the row.

    Stability: provisional.

    Examples
    --------
    >>> from skace import Interactions
    >>> from skace.model_selection import TemporalSplit
    >>> X = Interactions(["al", "al", "bo", "bo"], [7, 8, 7, 9], [1, 4, 2, 3])
    >>> for train, test in TemporalSplit(cuts=3).split(X):
    ...     print(train, test)
    [0 2] [1 3]
    >>> for train, test in TemporalSplit(n_splits=2, test_size=1).split(X):
    ...     print(train, test)
    [0 2] [3]
    [0 2 3] [1]
    """

    def __init__(self, n_splits: int = 1, *, test_size: float = 0.1, cuts: Any = None) -> None:
        validate_parameter_constraints(
            {
                "n_splits": [Interval(Integral, 1, None, closed="left")],
                "test_size": [
                    Interval(Integral, 1, None, closed="left"),
                    Interval(Real, 0, 1, closed="neither"),
                ],
            },
            {"n_splits": n_splits, "test_size": test_size},
            caller_name=type(self).__name__,
        )
        n_cuts = n_splits if cuts is None else len(_as_cuts(cuts))
        if cuts is not None and n_splits not in (1, n_cuts):
            raise ValueError(
                f"n_splits={n_splits}, but cuts has {n_cuts} moment(s), and each begins one test "
                "period; leave n_splits out."
            )
        self.n_splits = n_splits
        self.test_size = test_size
        self.cuts = cuts

    def split(
        self, X: Interactions, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield the training and test rows of each split, oldest test period first.

        Parameters
        ----------
        X : Interactions of shape (n_rows,)
            Rows of a log with timestamps, in any order.

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
            If X is a frame, has query rows or no timestamps, ``cuts`` are of another
            kind than the timestamps, or a period has no test or no training rows.

        TypeError
            If X is not Interactions.

        Warns
        -----
        TiedTargetsWarning
            As in `LeaveLastOut`; here, events of one moment within a period are in each other's
            past.
        """
        warn_of_groups(self, groups)
        times = _times_of(rows_to_split(X))
        cuts = self._cuts_by_size(times.values) if self.cuts is None else self._given_cuts(times)
        ends = [is_earlier for _, is_earlier in cuts[1:]] + [np.ones(times.values.size, dtype=bool)]
        for (cut, is_train), is_earlier in zip(cuts, ends, strict=True):
            is_test = ~is_train & is_earlier
            train, test = np.flatnonzero(is_train), np.flatnonzero(is_test)
            _check_not_empty(train, test, cut, times.values)
            yield train, test

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
            Number of ``cuts``, or ``n_splits`` if there are none.
        """
        return int(self.n_splits if self.cuts is None else len(_as_cuts(self.cuts)))

    def _given_cuts(self, times: Times) -> list[tuple[Any, BoolArray]]:
        """Each cut, and which rows are before it."""
        cuts = _as_cuts(self.cuts)
        return [(cut.value, is_before(times, cut, "cuts")) for cut in cuts]

    def _cuts_by_size(self, times: npt.NDArray[Any]) -> list[tuple[Any, BoolArray]]:
        """Moments at which periods of about ``test_size`` rows begin, and the rows before each."""
        size = self.test_size
        n_test = int(size) if isinstance(size, Integral) else int(np.ceil(size * times.size))
        first = times.size - self.n_splits * n_test
        if first < 1:
            raise ValueError(
                f"{self.n_splits} test period(s) of {n_test} row(s) leave no training rows of the "
                f"{times.size} of X; lower test_size or n_splits."
            )
        cuts = np.sort(times)[first::n_test]
        if cuts[0] == times.min() or (cuts[1:] == cuts[:-1]).any():
            raise ValueError(
                f"{self.n_splits} test period(s) of {n_test} row(s) would begin at "
                f"{_listed(cuts)}, but rows of equal time are not divided (first time "
                f"{times.min()}); change test_size or n_splits, or give cuts."
            )
        return [(cut, times < cut) for cut in cuts]


def _as_cuts(cuts: Any) -> list[Moment]:
    """Moments of one cut or of a flat list of them."""
    is_list = isinstance(cuts, (list, tuple)) or nw.dependencies.is_into_series(cuts)
    is_list |= nw.dependencies.is_pandas_index(cuts) or np.ndim(cuts) > 0
    moments = [read_moment(cut, "cuts") for cut in (cuts if is_list else [cuts])]
    if not moments:
        raise ValueError("cuts is empty; give at least one moment.")
    kinds = {(isinstance(moment.value, np.datetime64), moment.is_aware) for moment in moments}
    if len(kinds) > 1:
        raise ValueError(
            "cuts must be all numbers, or all datetimes with a time zone, or all without one, got "
            f"{cuts!r}."
        )
    if not all(one.value < other.value for one, other in pairwise(moments)):
        raise ValueError(f"cuts must ascend, got {cuts!r}.")
    return moments


def _times_of(X: Interactions) -> Times:
    """Times of the rows; a log without any is refused."""
    times = X._times
    if times is None:
        raise ValueError(
            "TemporalSplit needs timestamps, but the log of X has none; pass timestamps to "
            "Interactions, or use LeaveLastOut."
        )
    return times


def _check_not_empty(train: IntArray, test: IntArray, cut: Any, times: npt.NDArray[Any]) -> None:
    """Refuse a period without rows on one side."""
    for rows, side in ((train, "training rows before"), (test, "test rows from")):
        if rows.size == 0:
            raise ValueError(
                f"there are no {side} the cut {cut}; the rows of X are from {times.min()} to "
                f"{times.max()}."
            )


def _listed(moments: npt.NDArray[Any]) -> str:
    """Moments for a message."""
    return ", ".join(str(moment) for moment in moments[:3]) + (", ..." * (moments.size > 3))
