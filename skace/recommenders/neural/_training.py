"""NetworkTraining: rows to learn from become batches, batches become epochs."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skace._visible_log import visible_log
from skace._windows import rows_asked
from skace.data import Interactions
from skace.data._row_numbers import distinct
from skace.losses import ItemCounts
from skace.metrics import ndcg_at_k
from skace.recommenders._fit_rows import FitRows, in_float32
from skace.recommenders._holdout import hold_out_last
from skace.recommenders._tasks import FitTask
from skace.recommenders.neural._epochs import Epochs, Stages, run_epochs
from skace.recommenders.neural._event_times import NetworkTimes
from skace.recommenders.neural._second_training import FirstTraining, train_again, train_twice

__all__ = ["NetworkTraining", "TrainingFit"]


@dataclass(slots=True, eq=False)
class TrainingFit:
    """One training of a network, as data.

    Parameters
    ----------
    rows : FitRows
        What the fit was given.
    items : ndarray of shape (n_events,)
        Model column of the item of each event.
    is_row : ndarray of shape (n_events,), bool
        Rows to learn from: of a weight above 0, and not held out.
    weights : ndarray of shape (n_events,) or None
        Weight of each event, at most 1.
    X_val : Interactions or None
        Rows to watch: those given, or those held out.
    device : torch.device
        Where to train.
    rng : numpy.random.RandomState
        Of start and order.
    task : FitTask
        Of the training, for callbacks.
    stages : Stages
        Of which parts it consists, where several are trained one after the other.
    """

    rows: FitRows
    items: np.ndarray
    is_row: np.ndarray
    weights: np.ndarray | None
    X_val: Interactions | None
    device: Any
    rng: np.random.RandomState
    task: FitTask
    stages: Stages

    @property
    def rows_to_learn(self):
        """All rows but those held out; they carry their weights."""
        X, weights = self.rows.X, self.weights
        if weights is None:
            return X._derive(ends=np.flatnonzero(self.is_row))
        # Rows of weight 0 stay: without them, what is left would seem to leak.
        ends = np.flatnonzero(self.is_row | (self.rows.is_row & (weights == 0)))
        return X.with_weights(None)._derive(ends=ends).with_weights(weights[ends])

    @property
    def event_weights(self):
        """Weight of each event in the loss, shape (n_events,); 0 for what is not learned."""
        return self.is_row if self.weights is None else self.is_row * self.weights


class NetworkTraining(NetworkTimes):
    """Learning of a `NeuralRecommender`."""

    def _fit_rows(self, rows, task):
        from skace._torch.training._parallel import Ranks

        seed = self._settings().random_state
        if seed is None:  # fresh entropy, not numpy's global generator; the same on all ranks
            seed = Ranks.current().agreed(int(np.random.SeedSequence().generate_state(1)[0]))
        rng = check_random_state(seed)
        for name in ("second_loss_curve_", "_epochs_of_parts"):
            vars(self).pop(name, None)
        first = vars(self).pop("_first_training", None)
        if not self._trains_twice(rows.n_passes):
            self._train(rows, rng, task, Stages())
        elif first is None:
            train_twice(self, rows, rng, task)
        else:
            train_again(self, rows, rng, task, first)

    def _take_epochs_of(self, earlier):
        """Let the next fit, if it is to learn all rows, do so for as long as an earlier one."""
        vars(self).pop("_first_training", None)
        first = FirstTraining.of(earlier)
        if first is not None:
            self._first_training = first

    def _train(self, rows, rng, task, stages):
        """Train on rows; less those held out, unless it is known how many epochs to take."""
        from skace._torch._runtime import private_generator, reseed
        from skace._torch.training._parallel import Ranks

        fit, ranks = self._what_to_train(rows, rng, task, stages), Ranks.current()
        if fit.X_val is not None:
            self._check_known(fit.X_val)
        self._note_cold_items(fit)
        self._note_times(fit)
        seed = rng.randint(np.iinfo(np.int32).max)
        if rows.is_fresh:
            self._prepare_table(fit)
        with private_generator(seed, fit.device) as generator:
            self._network = self._build_network(fit, generator)
            trainer = self._build_trainer(fit)
            if ranks.number > 0:  # other dropout than the first rank's
                reseed(seed + ranks.number, fit.device)
            n_epochs = self.max_epochs if rows.n_passes is None else rows.n_passes
            if not trainer.has_rows:  # partial_fit with first events only
                n_epochs = 0
            with visible_log(self._settings().verbose):
                self._run_epochs(trainer, fit, n_epochs)
        vars(self).update(self._network_state())

    def _what_to_train(self, rows, rng, task, stages):
        """The training, with rows held out of it where some are to be watched."""
        from skace._torch._runtime import resolve_device

        settings = self._settings()
        weights, is_row, X_val = in_float32(rows.weights), rows.is_row, rows.X_val
        if weights is not None:  # rows of weight 0 teach nothing, and stop nothing
            is_row &= weights > 0
        holds_out = settings.early_stopping and rows.n_passes is None and not stages.are_known
        if X_val is None and holds_out:
            # By a copy, so that a second training, which holds out none, draws the same start.
            held_out = hold_out_last(
                rows.X, settings.validation_fraction, copy.deepcopy(rng), weights
            )
            X_val = _watched(rows.X, held_out, weights)
            is_row[held_out] = False
        device = resolve_device(settings.device)
        return TrainingFit(rows, rows.items, is_row, weights, X_val, device, rng, task, stages)

    def _run_epochs(self, trainer, fit, n_epochs):
        """Train, and set what is known of the epochs."""
        settings = self._settings()
        patience = settings.n_iter_no_change if settings.early_stopping else None
        self._follow(Epochs(), trainer, fit, n_epochs, patience=patience)
        is_watched = settings.early_stopping and fit.X_val is not None
        if is_watched and self.best_epoch_ == n_epochs > 1 and not self._rate_falls():
            warnings.warn(
                f"the validation score was still rising in the last of {n_epochs} epochs; raise "
                "max_epochs.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _rate_falls(self):
        """Whether the rate falls to 0, so that the last epochs are usually the best."""
        return self._settings().learning_rate_schedule == "linear"

    def _follow(self, epochs, trainer, fit, n_epochs, **options):
        """Run epochs whose curve and scores callbacks see as they grow."""
        self.loss_curve_, self.validation_scores_ = epochs.loss_curve, epochs.validation_scores
        name = type(self).__name__ + (" on all rows" if fit.stages.are_known else "")
        if self._rate_falls():
            trainer.warm_up_and_decay(n_epochs)
        validate = partial(self._validation_score, fit.X_val, trainer)
        run_epochs(
            trainer,
            fit.stages.n_epochs(n_epochs),
            fit.task,
            epochs,
            validate=None if fit.X_val is None else validate,
            name=name if self._settings().verbose else None,
            **options,
        )
        fit.stages.best_epochs.append(epochs.best_epoch)
        self.n_iter_, self.best_epoch_ = epochs.n_epochs, epochs.best_epoch

    def _validation_score(self, X_val, trainer):
        """NDCG@10 of the validation rows, of which every process ranks its share."""
        own = X_val[trainer.ranks.share(np.arange(len(X_val)))]
        ranks = trainer.ranks.joined(self._ranks(own, embeds=False))
        return float(ndcg_at_k(ranks, 10, sample_weight=X_val.weights))

    def _check_known(self, X_val):
        """Raise if a history of validation rows holds unknown items."""
        try:
            self._histories(X_val, embeds=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X_val: {error}") from error

    def _note_cold_items(self, fit):
        """Set ``is_cold_``: items of which neither this nor an earlier fit learned a row.

        Rows held out for early stopping teach nothing, so they do not count.
        """
        n_learned = np.bincount(fit.items[fit.is_row], minlength=self.item_ids_.size)
        is_cold = n_learned == 0
        if not fit.rows.is_fresh:
            is_cold[: self.is_cold_.size] &= self.is_cold_
        self.is_cold_ = is_cold

    def _build_trainer(self, fit):
        """Trainer over the windows of the training rows."""
        from skace._torch._batches import DeviceLog
        from skace._torch._runtime import training_precision
        from skace._torch.training._auxiliary import Reader
        from skace._torch.training._competitors import Competitors
        from skace._torch.training._parallel import Ranks
        from skace._torch.training._trainer import Trainer, build_optimizers

        settings, network = self._settings(), self._network
        windows = self._objective().windows(
            fit.is_row,
            fit.rows.offsets,
            settings.max_length,
            overlap=settings.long_sequences == "overlap",
        )
        competitors = Competitors(~self._spared(), fit.device, is_sparse=network.items.is_sparse)
        times = self._in_median_gaps(fit.rows.X._log.timestamps)
        log = DeviceLog(fit.items, fit.event_weights, windows, fit.device, network.layout, times)
        dtype = training_precision(settings.precision, fit.device)
        counts = ItemCounts(
            learned=competitors.among(self._learned_counts(fit)),
            asked=competitors.among(self._times_asked(fit, windows)),
        )
        return Trainer(
            network=network,
            log=log,
            loss=self._loss().build(counts),
            competitors=competitors,
            optimizers=build_optimizers(network, settings.learning_rate, settings.weight_decay),
            batch_size=settings.batch_size,
            dtype=dtype,
            rng=fit.rng,
            auxiliary=self._build_auxiliary(fit, Reader(network, log.items, dtype, log.times), log),
            loss_takes_dtype=getattr(self._loss(), "takes_bfloat16", False),
            ranks=Ranks.current(),
        )

    def _build_auxiliary(self, fit, reader, log):
        """What training pursues beside the next item, or None."""
        users = fit.rows.X._log.users_at(log.bounds[0].cpu().numpy())
        return self.item_table_.build_auxiliary(reader, log, users)

    def _learned_counts(self, fit):
        """Training rows of each item in this and earlier fits, less those held out now."""
        events = distinct(fit.rows.X._ends)
        held_out = events[~fit.is_row[events]]
        n_held_out = np.bincount(fit.items[held_out], minlength=self.item_ids_.size)
        return self.item_counts_ - n_held_out

    def _times_asked(self, fit, windows):
        """How often an epoch asks for each item, up to a factor; the rarest at least once."""
        numbers, events = rows_asked(windows, fit.is_row)
        chances = self._network.layout.chances(numbers)
        times = np.bincount(fit.items[events], chances, minlength=self.item_ids_.size)
        return times / times[times > 0].min(initial=1.0)


def _watched(X, held_out, weights):
    """Rows of X that are held out, or None if there are none."""
    if held_out.size == 0:
        warnings.warn(
            "early_stopping finds no user with two rows of which one could be held out; "
            "training for max_epochs. Pass X_val, or set early_stopping=False.",
            UserWarning,
            stacklevel=2,
        )
        return None
    own = None if weights is None else weights[held_out]
    return X._derive(ends=held_out).with_weights(own)
