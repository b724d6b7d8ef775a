"""Where a warning should point: the line outside of skace and scikit-learn that led to it."""
# SPDX-License-Identifier: BSD-3-Clause

import sys

__all__ = ["caller_level"]

_OURS = ("skace.", "sklearn.", "joblib.")


def caller_level() -> int:
    """``stacklevel`` for a ``warnings.warn`` in the calling function."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(_OURS):
        level, frame = level + 1, frame.f_back
    return level
