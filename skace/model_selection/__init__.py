"""Splitters that respect time: by user and over all users."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.exceptions import FutureLeakageWarning
from skace.model_selection._leave_last_out import LeaveLastOut, leave_last_out
from skace.model_selection._temporal import TemporalSplit

__all__ = ["FutureLeakageWarning", "LeaveLastOut", "TemporalSplit", "leave_last_out"]
