"""EpochLoop: one pass after another, and the best one kept."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skace.metrics import ndcg_at_k
from skace.recommenders.neural._progress import log_epoch

__all__ = ["EpochLoop"]


class EpochLoop:
    """Epochs of a `NeuralRecommender`, validated and stopped early."""

    def _run_epochs(self, trainer, n_epochs, X_val, task):
        """Train epoch by epoch; keep the best one if there are validation rows."""
        from skace._torch._state import load_state, state_as_numpy

        self.loss_curve_, self.validation_scores_ = [], []
        self.best_epoch_, best_state = 0, None
        for epoch in range(1, n_epochs + 1):
            part = task.part("epoch")
            self.loss_curve_.append(self._train_epoch(trainer, epoch))
            if X_val is not None:
                ranks = self._validation_ranks(X_val, trainer)
                weights = X_val.weights
                self.validation_scores_.append(float(ndcg_at_k(ranks, 10, sample_weight=weights)))
                if self._is_best_epoch():
                    self.best_epoch_, best_state = epoch, state_as_numpy(self._network)
            if self.verbose and trainer.ranks.number == 0:
                self._report(epoch)
            ends = part.end() or self._is_out_of_patience(epoch)
            if trainer.ranks.agreed(ends):  # a callback may stop one process
                break
        self.n_iter_ = len(self.loss_curve_)
        if best_state is None:
            self.best_epoch_ = self.n_iter_
            return
        load_state(self._network, best_state)
        self._network.train().eval()  # forget the table of the last epoch
        self._warn_if_best_is_last(n_epochs)

    def _validation_ranks(self, X_val, trainer):
        """`target_ranks` of the validation rows, of which every process ranks its share."""
        own = X_val[trainer.ranks.share(np.arange(len(X_val)))]
        return trainer.ranks.joined(self._ranks(own, embeds=False))

    def _is_best_epoch(self):
        """Whether the last validation score is above all earlier ones."""
        *earlier, last = self.validation_scores_
        return not earlier or last > max(earlier)

    def _report(self, epoch):
        score = self.validation_scores_[-1] if self.validation_scores_ else None
        log_epoch(type(self).__name__, epoch, self.loss_curve_[-1], score)

    def _train_epoch(self, trainer, epoch):
        """Mean loss of one more epoch."""
        loss = trainer.run_epoch()
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} in epoch {epoch}; lower learning_rate (now "
                f"{self.learning_rate}) or check the scale of the item features."
            )
        if not trainer.is_finite():  # the loss was taken before the last step
            raise FloatingPointError(
                f"weights became infinite or NaN in the last step of epoch {epoch}; lower "
                f"learning_rate (now {self.learning_rate})."
            )
        return loss

    def _is_out_of_patience(self, epoch):
        """Whether the validation score has not risen for too long."""
        if not self.early_stopping or not self.validation_scores_:
            return False
        return epoch - self.best_epoch_ >= self.n_iter_no_change

    def _warn_if_best_is_last(self, n_epochs):
        if self.early_stopping and self.best_epoch_ == n_epochs > 1:
            warnings.warn(
                f"the validation score was still rising in the last of {n_epochs} epochs; raise "
                "max_epochs.",
                ConvergenceWarning,
                stacklevel=2,
            )
