"""One line per epoch through logging."""
# SPDX-License-Identifier: BSD-3-Clause

import logging

__all__ = ["log_epoch"]

_logger = logging.getLogger("skace")


def log_epoch(name, epoch, loss, validation_score):
    """Log loss and validation score of an epoch.

    A user who asks for ``verbose`` without having set up logging sees the lines on
    standard error; set-ups of others are left alone.
    """
    if not _logger.hasHandlers():
        _logger.addHandler(logging.StreamHandler())
    if _logger.level == logging.NOTSET and not _logger.isEnabledFor(logging.INFO):
        _logger.setLevel(logging.INFO)
    if validation_score is None:
        _logger.info("%s epoch %d: loss %.4f", name, epoch, loss)
    else:
        _logger.info(
            "%s epoch %d: loss %.4f, validation NDCG@10 %.4f", name, epoch, loss, validation_score
        )
