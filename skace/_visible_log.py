"""Lines of a verbose fit, shown where logging is not set up."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from contextlib import contextmanager

__all__ = ["visible_log"]

_logger = logging.getLogger("skace")


@contextmanager
def visible_log(verbose):
    """Show the lines of a verbose fit on standard error where logging is not set up.

    Only for the duration of the fit: what others set up, before or after, is left alone.
    """
    handler, level = None, _logger.level
    if verbose and not _logger.hasHandlers():
        handler = logging.StreamHandler()
        _logger.addHandler(handler)
    if verbose and level == logging.NOTSET and not _logger.isEnabledFor(logging.INFO):
        _logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        _logger.setLevel(level)
        if handler is not None:
            _logger.removeHandler(handler)
