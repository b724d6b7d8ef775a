"""TemporalSplit: test what happened from a moment on, over all users."""
# SPDX-License-Identifier: BSD-3-Clause

import datetime
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import BaseCrossValidator

from skace._sklearn_compat import Interval, validate_parameter_constraints
from skace._typing import IntArray
from skace.data import Interactions
from skace.model_selection._rows import rows_to_split, warn_of_groups

__all__ = ["TemporalSplit"]

_BAD_CUTS = "cuts must be numbers, datetimes or ISO strings, one or a flat list, got {!r}."


class TemporalSplit(BaseCrossValidator):
    """Train on what happened before a moment, test on what happened from it on.

    The moment is the same for all users, so nothing that a test could not have known is
    learned from, not even from others. Rows of equal time are never divided.

    Parameters
    ----------
    n_splits : int, default=1
        Number of test periods, at least 1; each ends where the next one begins, the last
        with the log. A later period trains on all before it.

    test_size : float or int, default=0.1
        Size of each test period: a share of the rows of X, in (0, 1), or a number of rows.
        All rows of the time at which a period begins belong to it, even if the period
        before gets smaller by that; the last one has at least this size.

    cuts : timestamp, sequence of timestamps or None, default=None
        When the test periods begin, ascending, as numbers, datetimes or ISO strings like
        the timestamps of X. ``n_splits`` and ``test_size`` are not used then. None chooses
        them by size.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or ``cuts`` is not ascending or not of
        ``n_splits`` moments.

    See Also
    --------
    LeaveLastOut : Each user's last row, whenever it was; needs no timestamps.

    Notes
    -----
    A test row's past is its own full past, test rows before it included: at the time of
    the row it was known. Users without a training row are tested as well; models know no
    users, they read the past of the row.

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
        if cuts is not None and n_splits not in (1, _as_cuts(cuts).size):
            raise ValueError(
                f"n_splits={n_splits}, but cuts has {_as_cuts(cuts).size} moment(s), and each "
                "begins one test period; leave n_splits out."
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
            Not used; given, it raises a UserWarning.

        Yields
        ------
        train : ndarray of shape (n_train_rows,), dtype int64
            Row numbers of X, ascending.

        test : ndarray of shape (n_test_rows,), dtype int64
            Row numbers of X, ascending.

        Raises
        ------
        ValueError
            If X is a frame, has query rows or no timestamps, if ``cuts`` are of another
            kind than the timestamps, or if a period has no test or no training rows.

        TypeError
            If X is not Interactions.
        """
        warn_of_groups(self, groups)
        times = _times_of(rows_to_split(X))
        cuts = self._cuts_by_size(times) if self.cuts is None else _as_cuts(self.cuts)
        _check_same_kind(cuts, times)
        for number, cut in enumerate(cuts):
            is_test = times >= cut
            if number + 1 < cuts.size:
                is_test &= times < cuts[number + 1]
            train, test = np.flatnonzero(times < cut), np.flatnonzero(is_test)
            _check_not_empty(train, test, cut, times)
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
            Number of ``cuts``, or ``n_splits`` where there are none.
        """
        return int(self.n_splits if self.cuts is None else _as_cuts(self.cuts).size)

    def _cuts_by_size(self, times: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Moments at which periods of about ``test_size`` rows begin, ascending."""
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
        return cuts


def _as_cuts(cuts: Any) -> npt.NDArray[Any]:
    """Ascending numbers or datetime64, shape (n_cuts,)."""
    moments = np.atleast_1d(np.asarray(cuts))
    if moments.dtype.kind in "OU":
        moments = _as_dates(cuts)
    if moments.ndim != 1 or moments.size == 0 or moments.dtype.kind not in "iufM":
        raise ValueError(_BAD_CUTS.format(cuts))
    is_missing = np.isnat(moments) if moments.dtype.kind == "M" else np.isnan(moments)
    if is_missing.any() or not (moments[1:] > moments[:-1]).all():
        raise ValueError(f"cuts must ascend and hold no NaN or NaT, got {cuts!r}.")
    return moments


def _as_dates(cuts: Any) -> npt.NDArray[Any]:
    """Dates from datetimes or ISO strings; other things among them are refused."""
    moments = np.atleast_1d(np.asarray(cuts, dtype=object))
    kinds = (str, datetime.date, np.datetime64)  # a datetime is a date
    if not all(isinstance(moment, kinds) for moment in moments.ravel()):
        raise ValueError(_BAD_CUTS.format(cuts))
    try:
        return moments.astype("datetime64")
    except ValueError as error:
        raise ValueError(_BAD_CUTS.format(cuts)) from error


def _times_of(X: Interactions) -> npt.NDArray[Any]:
    """Timestamps of the rows; a log without any is refused."""
    times = X.timestamps
    if times is None:
        raise ValueError(
            "TemporalSplit needs timestamps, but the log of X has none; pass timestamps to "
            "Interactions, or use LeaveLastOut."
        )
    return times


def _check_same_kind(cuts: npt.NDArray[Any], times: npt.NDArray[Any]) -> None:
    """Refuse dates for numbers and numbers for dates."""
    if (cuts.dtype.kind == "M") != (times.dtype.kind == "M"):
        kinds = ["datetimes" if a.dtype.kind == "M" else "numbers" for a in (cuts, times)]
        raise ValueError(
            f"cuts are {kinds[0]}, but the timestamps of X are {kinds[1]} (first "
            f"{times[0]}); give cuts of the same kind."
        )


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
