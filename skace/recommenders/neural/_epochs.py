"""One pass after another, watched, and the best one kept."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Epochs", "Stages", "log_epoch", "run_epochs"]

_logger = logging.getLogger("skace")


@dataclass
class Epochs:
    """What was seen of the epochs so far.

    Parameters
    ----------
    loss_curve : list of float
        Mean loss of each epoch.
    validation_scores : list of float
        Score after each epoch; empty if nothing is watched.
    start_score : float or None
        Score before the first epoch, if the start is a candidate.
    best_epoch : int
        Epoch (from 1) whose state is kept: the best, else the last; 0 for the start.
    """

    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    start_score: float | None = None
    best_epoch: int = 0

    @property
    def n_epochs(self):
        """Epochs that were run."""
        return len(self.loss_curve)

    def is_best(self):
        """Whether the last score is above all before it."""
        start = -np.inf if self.start_score is None else self.start_score
        *earlier, last = self.validation_scores
        return last > max(earlier, default=start) and last > start


@dataclass
class Stages:
    """Parts of a training, each of several epochs: how long they are, and which one was best.

    Parameters
    ----------
    known : tuple of int or None
        Epochs of each part, in their order; None if parts end where their scores say so.
    best_epochs : list of int
        Epoch that each part has kept.
    """

    known: tuple | None = None
    best_epochs: list = field(default_factory=list)

    @property
    def are_known(self):
        """Whether it is said how many epochs to take."""
        return self.known is not None

    def n_epochs(self, most):
        """Epochs of the part that follows those that have ended, at most some."""
        return most if self.known is None else self.known[len(self.best_epochs)]


def run_epochs(
    trainer, n_epochs, task, epochs, *, validate=None, patience=None, start=None, name=None
):
    """Train epoch by epoch, and return to the best one if there is a way to tell.

    Parameters
    ----------
    trainer : Trainer
        What is trained.

    n_epochs : int
        Most epochs.

    task : FitTask
        Of the fit, for callbacks, one of which may stop it.

    epochs : Epochs
        Filled as epochs end, so that callbacks see it.

    validate : callable or None, default=None
        Gives the score of the network as it is.

    patience : int or None, default=None
        Epochs without a better score after which training stops; None for all of them, as
        without ``validate``.

    start : dict or None, default=None
        State of the network before the first epoch, if that is a candidate.

    name : str or None, default=None
        Of the estimator, to log a line an epoch; None logs nothing.
    """
    from skace._torch._state import load_state, state_as_numpy

    best_state = start
    for epoch in range(1, n_epochs + 1):
        part = task.part("epoch")
        epochs.loss_curve.append(_train_epoch(trainer, epoch))
        if validate is not None:
            epochs.validation_scores.append(validate())
            if epochs.is_best():
                epochs.best_epoch, best_state = epoch, state_as_numpy(trainer.network)
        if name is not None and trainer.ranks.number == 0:
            score = epochs.validation_scores[-1] if validate is not None else None
            log_epoch(name, epoch, epochs.loss_curve[-1], score)
        has_waited = validate is not None and patience is not None
        is_over = has_waited and epoch - epochs.best_epoch >= patience
        if trainer.ranks.agreed(part.end() or is_over):  # a callback may stop one process
            break
    if validate is None or best_state is None:
        epochs.best_epoch = epochs.n_epochs
        return
    load_state(trainer.network, best_state)
    trainer.network.train().eval()  # forget the table of the last epoch


def _train_epoch(trainer, epoch):
    """Mean loss of one more epoch."""
    loss = trainer.run_epoch()
    group = trainer.optimizers[0].param_groups[0]
    rate = group.get("initial_lr", group["lr"])  # of a schedule, the one that was asked for
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss} in epoch {epoch}; lower learning_rate (now {rate}) or check "
            "the scale of the item features."
        )
    if not trainer.is_finite():  # the loss was taken before the last step
        raise FloatingPointError(
            f"weights became infinite or NaN in the last step of epoch {epoch}; lower "
            f"learning_rate (now {rate})."
        )
    return loss


def log_epoch(name, epoch, loss, validation_score):
    """Log loss and validation score of an epoch."""
    if validation_score is None:
        _logger.info("%s epoch %d: loss %.4f", name, epoch, loss)
    else:
        _logger.info(
            "%s epoch %d: loss %.4f, validation NDCG@10 %.4f", name, epoch, loss, validation_score
        )
