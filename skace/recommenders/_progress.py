"""One line per epoch through logging."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from contextlib import contextmanager

__all__ = ["log_epoch", "visible_log"]

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


def log_epoch(name, epoch, loss, validation_score):
    """Log loss and validation score of an epoch."""
    if validation_score is None:
        _logger.info("%s epoch %d: loss %.4f", name, epoch, loss)
    else:
        _logger.info(
            "%s epoch %d: loss %.4f, validation NDCG@10 %.4f", name, epoch, loss, validation_score
        )
