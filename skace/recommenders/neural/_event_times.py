"""NetworkTimes: when events were, for networks that read the time between them."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace.recommenders._histories import as_numbers

__all__ = ["NetworkTimes", "check_times"]


class NetworkTimes:
    """Times of events as a `NeuralRecommender` reads them: in median gaps of what it learned."""

    def _reads_times(self):
        """Whether the encoder is told when events were, as ``times``."""
        return False

    def _note_times(self, fit):
        """Set in what unit times are read, where they are."""
        if fit.rows.is_fresh and self._settings()._reads_times():
            times = fit.rows.X._log.timestamps
            self.times_are_dates_ = times.dtype.kind == "M"
            self.median_gap_ = median_gap(as_numbers(times), fit.rows.offsets, fit.is_row)

    def _in_median_gaps(self, times):
        """Times of events as the encoder reads them, (n_events,) float64; None if it does not."""
        if not hasattr(self, "median_gap_"):
            return None
        check_times(times, "X", are_dates=self.times_are_dates_)
        return as_numbers(times) / self.median_gap_


def check_times(times, name, *, are_dates):
    """Raise unless there are times, of the kind of those that were learned from.

    Parameters
    ----------
    times : ndarray of shape (n_events,) or None
        Of the events of a log.
    name : str
        What the caller calls the log.
    are_dates : bool or None
        Whether those that were learned from were datetimes; None before a fit.
    """
    if times is None:
        raise ValueError(
            f'positions="time" needs timestamps, but {name} has none; pass Interactions with '
            'timestamps, or fit with positions="relative".'
        )
    if are_dates is not None and are_dates != (times.dtype.kind == "M"):
        fitted, found = ("datetimes", "numbers") if are_dates else ("numbers", "datetimes")
        raise ValueError(
            f'positions="time" was fitted with timestamps that are {fitted}, but those of {name} '
            f"are {found}; convert them."
        )


def median_gap(times, offsets, is_row):
    """Median time between a training row and the event before it, of those that differ.

    Parameters
    ----------
    times : ndarray of shape (n_events,), float64
        Of all events of the log.
    offsets : ndarray of shape (n_users + 1,)
        Start of each user's events.
    is_row : ndarray of shape (n_events,), bool
        Which events are training rows.

    Returns
    -------
    gap : float
        1 if no two times differ.
    """
    begins = np.zeros(times.size + 1, dtype=bool)
    begins[offsets] = True
    rows = np.flatnonzero(is_row & ~begins[:-1])
    gaps = times[rows] - times[rows - 1]
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if gaps.size else 1.0
