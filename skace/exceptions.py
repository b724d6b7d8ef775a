"""Warnings of skace; errors are builtins and scikit-learn's own."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["FutureLeakageWarning"]


class FutureLeakageWarning(UserWarning):
    """Training rows of a user enclose an event that is not a training row.

    Typical of a shuffled ``KFold``: the model is trained on what a user did *after* the
    events on which it is tested. Split by time (``LeaveLastOut``, ``TemporalSplit``) or
    by user (``GroupKFold`` with ``groups=X.users``) instead.

    Notes
    -----
    Stability: provisional.
    """
