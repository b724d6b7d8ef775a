"""What each process of `test_parallel` runs: fits whose outcomes it writes into a folder."""
# SPDX-License-Identifier: BSD-3-Clause

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from torch import distributed

from skace._torch.training._trainer import Trainer
from skace.datasets import make_shop
from skace.item_tables import AlignedAdapter, DualViewTable
from skace.losses import BCE, SampledSoftmax
from skace.model_selection import leave_last_out
from skace.recommenders import (
    BERT4RecEstimator,
    GRAMEstimator,
    GRU4RecEstimator,
    MELTEstimator,
    SASRecEstimator,
)

SMALL = {
    "embedding_dim": 16,
    "max_length": 6,
    "max_epochs": 3,
    "batch_size": 16,
    "dropout": 0.0,
    "precision": "float32",
    "random_state": 0,
    "device": "cpu",
}


ALIGNED = AlignedAdapter(n_components=8, inner_dim=8)
MODELS = {
    "sasrec": SASRecEstimator(**SMALL, attention_dropout=0.0),
    "gram": GRAMEstimator(**SMALL, attention_dropout=0.0),
    "gru4rec": GRU4RecEstimator(**SMALL, loss=BCE(256)),
    "sampled": SASRecEstimator(**SMALL, loss=SampledSoftmax(8)),
    "bert4rec": BERT4RecEstimator(**SMALL),
    "melt": MELTEstimator(SASRecEstimator(**SMALL | {"random_state": None}), max_epochs=2),
    "distilled": SASRecEstimator(
        **SMALL, item_table=DualViewTable(distillation=0.1, n_retrieved=2)
    ),
    "aligned": SASRecEstimator(**SMALL, item_table=ALIGNED),
    "unseeded": SASRecEstimator(**SMALL | {"random_state": None}),
    # Of two processes one gets nothing of such a batch.
    "one by one": SASRecEstimator(**SMALL | {"batch_size": 1, "max_epochs": 1}),
    "first stops": SASRecEstimator(**SMALL),
    "second stops": SASRecEstimator(**SMALL),
}
STOPPED = {"first stops": 0, "second stops": 1}  # by a callback of the process of this number


class StopAfterOne:
    """Callback that has seen enough after one epoch."""

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing to note."""

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002 - the protocol
        """Whether to stop."""
        return context.task_name == "epoch"


def listen(taken, gradients, seeds):
    """Note the windows that this process learns from, all gradients, and torch's seed."""
    own_batch, step = Trainer._own_batch, Trainer.step

    def noted_batch(self, numbers):
        taken.append(self.ranks.share(numbers))
        return own_batch(self, numbers)

    def noted_step(self, batch):
        found = step(self, batch)
        grads = [p.grad.numpy().ravel() for p in self.network.parameters() if p.grad is not None]
        gradients.append(np.concatenate(grads))
        seeds.append(torch.initial_seed())
        return found

    Trainer._own_batch, Trainer.step = noted_batch, noted_step


def main(folder):
    """Fit everything and write what came out."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    distributed.init_process_group("gloo")
    shop = make_shop(n_users=101, n_items=48, n_events=700, n_features=16, random_state=0)
    train, test = leave_last_out(shop.interactions)
    ALIGNED.reference = FrozenEstimator(SASRecEstimator(**SMALL | {"max_epochs": 1}).fit(train))
    taken, gradients, seeds = [], [], []
    listen(taken, gradients, seeds)
    for name, model in MODELS.items():
        taken.clear()
        gradients.clear()
        seeds.clear()
        if STOPPED.get(name) == distributed.get_rank():
            model.set_callbacks(StopAfterOne())
        model.fit(train)
        np.savez(
            Path(folder) / f"{name} {distributed.get_rank()} of {distributed.get_world_size()}.npz",
            loss=model.loss_curve_,
            scores=model.validation_scores_,
            vectors=model.item_vectors_,
            ranks=model.target_ranks(test),
            taken=np.concatenate(taken),
            n_epochs=model.n_iter_,
            gradients=gradients[0],
            seeds=np.unique(seeds),
        )
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
