"""What each process of `test_row_weights` does: an epoch of every objective and loss, taken apart.

Of each model two epochs are looked at, in which nothing is updated: one with a loss that has a leaf
for each row, whose gradient is what the row is multiplied by in the minimised cost; and one with
the model's own loss, whose gradients are compared with those of all rows at once.
"""
# SPDX-License-Identifier: BSD-3-Clause

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import clone
from torch import distributed

from skace import Catalog, Interactions
from skace._torch.training._trainer import Trainer
from skace._windows import Windows, rows_asked
from skace.embeddings import SemanticIdEncoder
from skace.losses import Softmax
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRAMEstimator,
    GRU4RecEstimator,
    NeuralRecommender,
    SASRecEstimator,
)
from skace.testing import all_losses

# Sixteen users of 2 to 100 events; every event has an item of its own, which names its row.
LENGTHS = [2, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 18, 25, 33, 60, 100]
# Batches of four windows (of 29 with FMLP, which has one for each row); the last holds one only.
SMALL = {
    "embedding_dim": 8,
    "max_length": 16,
    "max_epochs": 1,
    "batch_size": 4,
    "dropout": 0.0,
    "precision": "float32",
    "early_stopping": False,
    "random_state": 0,
    "device": "cpu",
}
BACKBONES = {
    "sasrec": SASRecEstimator(**SMALL, attention_dropout=0.0, n_layers=1),
    "truncated": SASRecEstimator(**SMALL, attention_dropout=0.0, long_sequences="truncate"),
    "gru4rec": GRU4RecEstimator(**SMALL),
    "fmlp": FMLPEstimator(**SMALL | {"batch_size": 29}),
    "gram": GRAMEstimator(
        **SMALL,
        attention_dropout=0.0,
        n_layers=1,
        fusion="late",
        semantic_ids=SemanticIdEncoder(4, n_levels=2),
    ),
    "gram by node vectors": GRAMEstimator(
        **SMALL,
        attention_dropout=0.0,
        n_layers=1,
        node_scores="vectors",
        semantic_ids=SemanticIdEncoder(4, n_levels=2),
    ),
    "bert4rec": BERT4RecEstimator(**SMALL, attention_dropout=0.0, n_layers=1),
}
ALL_LOSSES = ("sasrec", "bert4rec")
# All losses where rows are asked for as they stand and where they are drawn, else the plain one.
CASES = [
    (name, loss)
    for name in BACKBONES
    for loss in (all_losses(n_negatives=3) if name in ALL_LOSSES else [Softmax()])
]


def make_log():
    """Log, and weights of its rows from .01 to 100."""
    sequences = np.split(np.arange(sum(LENGTHS)), np.cumsum(LENGTHS)[:-1])
    rng = np.random.default_rng(0)
    features = 0.1 * np.random.default_rng(1).standard_normal((sum(LENGTHS), 8))
    catalog = Catalog(np.arange(sum(LENGTHS)), features)
    return Interactions.from_sequences(sequences, catalog=catalog), 10 ** rng.uniform(
        -2, 2, size=sum(LENGTHS)
    )


class Probe:
    """A loss with one leaf for each row."""

    def __init__(self, n_rows):
        self.leaf = torch.zeros(n_rows, requires_grad=True)

    def __call__(self, hidden, _table, targets, weights):
        # The states take part with a factor of 0, so that ranks have gradients to exchange.
        return (weights * (self.leaf[targets] + 0.0 * hidden.sum(dim=1))).sum()


class Noted:
    """A loss that remembers how torch's generator stood, so that its draws can be repeated."""

    def __init__(self, loss):
        self.loss = loss
        self.generators = []

    def __call__(self, hidden, table, targets, weights):
        self.generators.append(torch.get_rng_state())
        return self.loss(hidden, table, targets, weights)


class NoStep:
    """An optimiser that leaves everything as it is, and notes the gradients."""

    def __init__(self, network):
        self.network = network
        self.gradients = []

    def zero_grad(self, **_parameters):
        """Forget the gradients of the last step."""
        for parameter in self.network.parameters():
            parameter.grad = None

    def step(self):
        """Note the gradients of this step."""
        self.gradients.append(flat_gradients(self.network))


def flat_gradients(network):
    """Gradients of all parameters, one after the other; 0 where there is none."""
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
    return torch.cat([part.ravel() for part in parts]).numpy()


def catch_trainer(model, X, weights):
    """Trainer of a fit, before it has learned anything."""

    class CaughtError(Exception):
        """The trainer is there."""

    found = []

    def run_epochs(_self, trainer, *_parameters):
        found.append(trainer)
        raise CaughtError

    run = NeuralRecommender._run_epochs
    NeuralRecommender._run_epochs = run_epochs
    try:
        model.fit(X, sample_weight=weights)
    except CaughtError:
        pass
    finally:
        NeuralRecommender._run_epochs = run
    return found[0]


def probe_epoch(model, X, weights):
    """What each row is multiplied by in the cost of each step, (n_steps, n_rows), and the loss."""
    trainer = catch_trainer(model, X, weights)
    trainer.loss = Probe(len(X))
    trainer.optimizers = [NoStep(trainer.network)]
    multipliers, step = [], Trainer.step

    def noted_step(self, batch):
        trainer.loss.leaf.grad = torch.zeros(len(X))
        found = step(self, batch)
        multipliers.append(trainer.loss.leaf.grad.clone().numpy())
        return found

    Trainer.step = noted_step
    try:
        torch.manual_seed(distributed.get_rank())
        trainer.run_epoch()
    finally:
        Trainer.step = step
    return np.array(multipliers)


def gradient_epoch(model, X, weights):
    """Mean gradient of the steps of an epoch, this rank's part of that of all rows, the loss."""
    trainer = catch_trainer(model, X, weights)
    trainer.loss = Noted(trainer.loss)
    trainer.optimizers = [NoStep(trainer.network)]
    batches, own_batch = [], Trainer._own_batch

    def noted_batch(self, numbers):
        own = self.ranks.share(numbers)
        batch = own_batch(self, numbers)
        if own.size:
            batches.append((batch, own))
        return batch

    Trainer._own_batch = noted_batch
    try:
        torch.manual_seed(distributed.get_rank())
        loss = trainer.run_epoch()
    finally:
        Trainer._own_batch = own_batch
    mean = np.mean(trainer.optimizers[0].gradients, axis=0)
    trainer.network.train()
    trainer.optimizers[0].zero_grad()
    total = sum(
        replayed_loss(trainer, batch, trainer.log.lengths[numbers], generator)
        for (batch, numbers), generator in zip(batches, trainer.loss.generators, strict=True)
    )
    (total / expected_weight(trainer)).backward()
    return mean, flat_gradients(trainer.network), loss, float(total)


def replayed_loss(trainer, batch, lengths, generator):
    """Summed loss of a batch whose windows are read one by one; draws are repeated."""
    network, hidden, targets, weights = trainer.network, [], [], []
    table = network.items()
    n_read = lengths + ("is_masked" in batch.context)  # a cloze window holds one event more
    for row, length in enumerate(n_read):
        context = {
            name: value[row : row + 1] if value.ndim == 1 else value[row : row + 1, :length]
            for name, value in batch.context.items()
        }
        states = network.read(F.embedding(batch.items[row : row + 1, :length], table), context)
        is_target = batch.weights[row, :length] > 0
        hidden.append(states[0, is_target])
        targets.append(batch.targets[row, :length][is_target])
        weights.append(batch.weights[row, :length][is_target])
    torch.set_rng_state(generator)
    vectors, places = trainer.competitors.of(table, torch.cat(targets))
    return trainer.loss.loss(torch.cat(hidden), vectors, places, torch.cat(weights))


def expected_weight(trainer):
    """Weight that an epoch asks for, from its windows."""
    weights = trainer.log.weights.double().numpy()
    numbers, events = rows_asked(Windows(*trainer.log.bounds.numpy()), weights > 0)
    return float(trainer.network.layout.chances(numbers) @ weights[events])


def take_apart():
    """What came out of everything, as arrays and numbers by name; the processes are connected."""
    X, weights = make_log()
    found = {}
    for name, model in BACKBONES.items():
        found[f"{name} multipliers"] = probe_epoch(clone(model), X, weights)
        found[f"{name} weight"] = expected_weight(catch_trainer(clone(model), X, weights))
    for name, loss in CASES:
        model = clone(BACKBONES[name]).set_params(loss=loss)
        mean, own, epoch_loss, total = gradient_epoch(model, X, weights)
        key = f"{name} {loss}"
        found |= {f"{key} mean": mean, f"{key} own": own, f"{key} loss": epoch_loss}
        found[f"{key} total"] = total
    return found


def main(folder):
    """Take everything apart and write what came out."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    distributed.init_process_group("gloo")
    found = take_apart()
    number, size = distributed.get_rank(), distributed.get_world_size()
    np.savez(Path(folder) / f"{number} of {size}.npz", **found)
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
