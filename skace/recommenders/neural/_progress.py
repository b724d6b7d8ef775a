"""One line per epoch through logging."""
# SPDX-License-Identifier: BSD-3-Clause

import logging

from skace._visible_log import visible_log

__all__ = ["log_epoch", "visible_log"]

_logger = logging.getLogger("skace")


def log_epoch(name, epoch, loss, validation_score):
    """Log loss and validation score of an epoch."""
    if validation_score is None:
        _logger.info("%s epoch %d: loss %.4f", name, epoch, loss)
    else:
        _logger.info(
            "%s epoch %d: loss %.4f, validation NDCG@10 %.4f", name, epoch, loss, validation_score
        )
