"""Warn of training rows that lie in the future of what is tested."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np

from skace.exceptions import FutureLeakageWarning

__all__ = ["warn_of_future_leakage"]


def warn_of_future_leakage(X):
    """Warn if events that are not rows lie between two rows of the same user."""
    ends = np.unique(X._ends)
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
            stacklevel=6,  # past our own frames and two decorators, to the caller of fit
        )
