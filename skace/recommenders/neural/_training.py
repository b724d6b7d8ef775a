"""NetworkTraining: rows to learn from become batches, batches become epochs."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skace._windows import rows_asked
from skace.losses import ItemCounts
from skace.metrics import ndcg_at_k
from skace.recommenders._fit_inputs import in_float32
from skace.recommenders._holdout import hold_out_last
from skace.recommenders.neural._epochs import Epochs, Stages, run_epochs
from skace.recommenders.neural._progress import visible_log
from skace.recommenders.neural._second_training import train_twice

__all__ = ["NetworkTraining"]


class NetworkTraining:
    """Learning of a `NeuralRecommender`."""

    def _fit_rows(self, rows, task):
        from skace._torch.training._parallel import Ranks

        seed = self.random_state
        if seed is None:  # fresh entropy, not numpy's global generator; the same on all ranks
            seed = Ranks.current().agreed(int(np.random.SeedSequence().generate_state(1)[0]))
        rng = check_random_state(seed)
        self.__dict__.pop("second_loss_curve_", None)
        if self._trains_twice(rows.n_passes):
            train_twice(self, rows, rng, task)
        else:
            self._train(rows, rng, task, Stages())

    def _train(self, rows, rng, task, stages):
        """Train on rows; less those held out, unless it is known how many epochs to take."""
        from skace._torch._runtime import private_generator, reseed, resolve_device
        from skace._torch.training._parallel import Ranks

        self._stages = stages
        ranks, weights, X_val = Ranks.current(), in_float32(rows.weights), rows.X_val
        is_row = rows.is_row
        if weights is not None:  # rows of weight 0 teach nothing, and stop nothing
            is_row &= weights > 0
        holds_out = self.early_stopping and rows.n_passes is None and not stages.are_known
        if X_val is None and holds_out:
            # By a copy, so that a second training, which holds out none, draws the same start.
            X_val = self._hold_out(rows.X, is_row, weights, copy.deepcopy(rng))
        if X_val is not None:
            self._check_known(X_val)
        device = resolve_device(self.device)
        self._note_cold_items(rows, is_row)
        seed = rng.randint(np.iinfo(np.int32).max)
        with private_generator(seed, device) as generator:
            self._network = self._build_network(rows, device, generator)
            trainer = self._build_trainer(rows, is_row, weights, device, rng)
            if ranks.number > 0:  # other dropout than the first rank's
                reseed(seed + ranks.number, device)
            n_epochs = self.max_epochs if rows.n_passes is None else rows.n_passes
            if len(trainer.log.lengths) == 0:  # partial_fit with first events only
                n_epochs = 0
            with visible_log(self.verbose):
                self._run_epochs(trainer, n_epochs, X_val, task)
        self._store_state()

    def _run_epochs(self, trainer, n_epochs, X_val, task):
        """Train, and set what is known of the epochs."""
        self._follow(
            Epochs(), trainer, n_epochs, X_val, task,
            patience=self.n_iter_no_change if self.early_stopping else None,
        )  # fmt: skip
        if self.early_stopping and X_val is not None and self.best_epoch_ == n_epochs > 1:
            warnings.warn(
                f"the validation score was still rising in the last of {n_epochs} epochs; raise "
                "max_epochs.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _follow(self, epochs, trainer, n_epochs, X_val, task, **options):
        """Run epochs whose curve and scores callbacks see as they grow."""
        self.loss_curve_, self.validation_scores_ = epochs.loss_curve, epochs.validation_scores
        name = type(self).__name__ + (" on all rows" if self._stages.are_known else "")
        run_epochs(
            trainer,
            self._stages.n_epochs(n_epochs),
            task,
            epochs,
            validate=None if X_val is None else partial(self._validation_score, X_val, trainer),
            name=name if self.verbose else None,
            **options,
        )
        self._stages.best_epochs.append(epochs.best_epoch)
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

    def _hold_out(self, X, is_row, weights, rng):
        """Take each user's last row out of ``is_row``; return these rows."""
        held_out = hold_out_last(X, self.validation_fraction, rng, weights)
        if held_out.size == 0:
            warnings.warn(
                "early_stopping finds no user with two rows of which one could be held out; "
                "training for max_epochs. Pass X_val, or set early_stopping=False.",
                UserWarning,
                stacklevel=2,
            )
            return None
        is_row[held_out] = False
        own = None if weights is None else weights[held_out]
        return X._derive(ends=held_out).with_weights(own)

    def _build_trainer(self, rows, is_row, weights, device, rng):
        """Trainer over the windows of the training rows."""
        from skace._torch._batches import DeviceLog
        from skace._torch._runtime import resolve_precision
        from skace._torch.training._auxiliary import Reader
        from skace._torch.training._competitors import Competitors
        from skace._torch.training._parallel import Ranks
        from skace._torch.training._trainer import Trainer, build_optimizers

        event_weights = is_row if weights is None else is_row * weights
        windows = self._objective().windows(
            is_row, rows.offsets, self.max_length, overlap=self.long_sequences == "overlap"
        )
        items = rows.items
        is_sparse = self._network.items.is_sparse
        competitors = Competitors(~self._spared(), device, is_sparse=is_sparse)
        log = DeviceLog(items, event_weights, windows, device, self._network.layout)
        dtype = resolve_precision(self.precision, device)
        reader = Reader(self._network, log.items, dtype)
        counts = ItemCounts(
            learned=competitors.among(self._learned_counts(rows.X, items, is_row)),
            asked=competitors.among(self._times_asked(items, windows, is_row)),
        )
        return Trainer(
            network=self._network,
            log=log,
            loss=self._loss().build(counts),
            competitors=competitors,
            optimizers=build_optimizers(self._network, self.learning_rate, self.weight_decay),
            batch_size=self.batch_size,
            dtype=dtype,
            rng=rng,
            auxiliary=self._build_auxiliary(reader, log, rows.X, event_weights, rng),
            ranks=Ranks.current(),
        )

    def _build_auxiliary(self, reader, log, X, event_weights, rng):
        """What training pursues beside the next item, or None."""
        users = X._log.users_at(log.bounds[0].cpu().numpy())
        return self.item_table_.build_auxiliary(reader, log, users)

    def _learned_counts(self, X, items, is_row):
        """Training rows of each item in this and earlier fits, less those held out now."""
        events = np.unique(X._ends)
        held_out = events[~is_row[events]]
        return self.item_counts_ - np.bincount(items[held_out], minlength=self.item_ids_.size)

    def _times_asked(self, items, windows, is_row):
        """How often an epoch asks for each item, up to a factor; the rarest at least once."""
        numbers, events = rows_asked(windows, is_row)
        chances = self._network.layout.chances(numbers)
        times = np.bincount(items[events], chances, minlength=self.item_ids_.size)
        return times / times[times > 0].min(initial=1.0)
