"""Every row weighs the same in training, up to its sample weight: in a step and in an epoch."""
# SPDX-License-Identifier: BSD-3-Clause

import os
import runpy
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import distributed, nn

from skace._torch._batches import DeviceLog
from skace._torch._layouts import ClozeLayout, LastItemLayout, NextItemLayout
from skace._torch._network import Network
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training._competitors import Competitors
from skace._torch.training._trainer import Trainer
from skace._windows import cut_windows
from skace.losses import ItemCounts, Softmax
from skace.testing import all_losses

SCRIPT = Path(__file__).with_name("weigh_rows.py")
BACKBONES = ["sasrec", "truncated", "gru4rec", "fmlp", "gram", "bert4rec"]
ALL_LOSSES = ("sasrec", "bert4rec")
CASES = [
    (name, loss)
    for name in BACKBONES
    for loss in (all_losses(n_negatives=3) if name in ALL_LOSSES else [Softmax()])
]
LENGTHS = [2, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 18, 25, 33, 60, 100]  # as in the script
MAX_LENGTH = 16


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    """Function of a number of processes: what each of these ranks found in an epoch."""
    folder = tmp_path_factory.mktemp("rows")

    @cache
    def of_ranks(size):
        if size == 1:
            return [of_this_process()]
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
        done = subprocess.run(
            [sys.executable, *words, str(SCRIPT), str(folder)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return [dict(np.load(folder / f"{rank} of {size}.npz")) for rank in range(size)]

    return of_ranks


def of_this_process():
    """The same of a process alone, which is this one."""
    store = distributed.HashStore()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        try:
            return runpy.run_path(str(SCRIPT))["take_apart"]()
        finally:
            distributed.destroy_process_group()


# Two processes take most of a minute to start.
RANKS = [1, pytest.param(2, marks=pytest.mark.minutes)]


def row_weights():
    """Weight of each row of the script's log; 0 for those that nothing is learned from."""
    weights = 10 ** np.random.default_rng(0).uniform(-2, 2, size=sum(LENGTHS))
    weights[np.cumsum([0, *LENGTHS[:-1]])] = 0  # first events have no past
    return weights


def last_window(weights):
    """The same where only each user's last window is read."""
    ends = np.cumsum(LENGTHS)
    from_end = np.repeat(ends, LENGTHS) - np.arange(weights.size)
    return np.where(from_end <= MAX_LENGTH, weights, 0)


@pytest.mark.parametrize("size", RANKS)
@pytest.mark.parametrize("name", ["sasrec", "truncated", "gru4rec", "fmlp", "gram"])
def test_each_row_weighs_the_same_in_an_epoch(epochs, name, size):
    multipliers = np.mean([rank[f"{name} multipliers"] for rank in epochs(size)], axis=0)
    weights = last_window(row_weights()) if name == "truncated" else row_weights()
    share = weights / weights.sum()
    assert_allclose(multipliers.mean(axis=0), share, rtol=1e-5)
    # Each in one step, in which it is w / m.
    assert ((multipliers > 0).sum(axis=0) == (weights > 0)).all()
    assert_allclose(multipliers.max(axis=0), share * len(multipliers), rtol=1e-5)


@pytest.mark.parametrize("size", RANKS)
def test_each_masked_row_weighs_the_same_whenever_it_is_asked(epochs, size):
    ranks = epochs(size)
    multipliers = np.mean([rank["bert4rec multipliers"] for rank in ranks], axis=0)
    expected = row_weights() / row_weights().max() / ranks[0]["bert4rec weight"] * len(multipliers)
    asked = multipliers > 0
    assert 0 < asked.any(axis=0).mean() < 1
    assert_allclose(multipliers[asked], np.tile(expected, (len(multipliers), 1))[asked], rtol=1e-5)


@pytest.mark.minutes
def test_the_last_batch_holds_one_window_and_a_rank_goes_without(epochs):
    for name in ("sasrec", "gru4rec", "bert4rec"):
        first, second = (rank[f"{name} multipliers"] for rank in epochs(2))
        n_rows = [(part > 0).sum(axis=1) for part in (first, second)]
        assert (n_rows[1] == 0).any()
        assert (n_rows[0] > 0).all()


@pytest.mark.parametrize("size", RANKS)
@pytest.mark.parametrize(("name", "loss"), CASES)
def test_the_mean_gradient_is_that_of_all_rows(epochs, name, loss, size):
    key = f"{name} {loss}"
    ranks = epochs(size)
    expected = sum(rank[f"{key} own"] for rank in ranks)
    for rank in ranks:
        assert_allclose(rank[f"{key} mean"], expected, atol=1e-5 * np.abs(expected).max(), rtol=0)
    assert_array_equal(ranks[0][f"{key} mean"], ranks[-1][f"{key} mean"])


@pytest.mark.parametrize("size", RANKS)
@pytest.mark.parametrize(("name", "loss"), CASES)
def test_the_loss_curve_is_the_same_mean(epochs, name, loss, size):
    key = f"{name} {loss}"
    total = sum(rank[f"{key} total"] for rank in epochs(size))
    for rank in epochs(size):
        assert rank[f"{key} loss"] == pytest.approx(total / rank[f"{name} weight"], rel=1e-5)


class Told(nn.Module):
    """An encoder that hands its input on, whatever it is told beside."""

    def forward(self, x, **_context):
        return x


class Probe:
    """A loss with one leaf for each row, which its item names."""

    def __init__(self, n_rows):
        self.leaf = torch.zeros(n_rows, requires_grad=True)

    def __call__(self, hidden, _table, targets, weights):
        return (weights * self.leaf[targets]).sum() + 0.0 * hidden.sum()


def probing_trainer(layout, lengths, weights, batch_size):
    """Trainer over users of these lengths whose loss tells what each row is multiplied by."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = np.arange(offsets[-1])
    is_row = np.ones(items.size, dtype=bool)
    vectors = torch.zeros(items.size, 2)
    network = Network(Told(), TrainableItems(vectors, ~is_row), 50, layout)
    return Trainer(
        network=network,
        log=DeviceLog(
            items, weights, cut_windows(is_row, offsets, 50), torch.device("cpu"), layout
        ),
        loss=Probe(items.size),
        competitors=Competitors(is_row, torch.device("cpu")),
        optimizers=[],
        batch_size=batch_size,
        dtype=torch.float32,
        rng=np.random.RandomState(0),
    )


@pytest.mark.parametrize(
    ("ratios", "n_epochs"),
    [
        ((0.6, 0.0), 200),
        pytest.param((0.2, 0.5), 2000, marks=pytest.mark.minutes),
        pytest.param((0.6, 0.0), 2000, marks=pytest.mark.minutes),
    ],
)
def test_masked_rows_weigh_what_they_should_in_the_long_run(ratios, n_epochs):
    """Over many epochs of masks each row has w / W times its chance to be asked for."""
    lengths = [2, 3, 3, 5, 9]
    weights = 10 ** np.random.default_rng(1).uniform(-2, 2, size=sum(lengths))
    trainer = probing_trainer(ClozeLayout(*ratios), lengths, weights, batch_size=2)
    found = np.zeros((n_epochs, weights.size))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for epoch in range(n_epochs):
            trainer.loss.leaf.grad = None
            trainer.run_epoch()
            found[epoch] = trainer.loss.leaf.grad.numpy() / 3  # the mean of three steps
    chances = cloze_chances(lengths, *ratios)
    share = weights / (weights @ chances)
    asked = found > 0
    assert_allclose(found[asked], np.tile(share, (n_epochs, 1))[asked], rtol=1e-5)
    error = share * np.sqrt(chances * (1 - chances) / n_epochs)
    assert (np.abs(found.mean(axis=0) - share * chances) <= 4 * error + 1e-5 * share).all()


def cloze_chances(lengths, mask_ratio, finetune_ratio):
    """Chance of each event to be masked, event by event."""
    chances = []
    for length in lengths:
        n_rows = length - 1  # the first event has no past
        among = mask_ratio + (1 - mask_ratio) ** n_rows / n_rows
        own = [(1 - finetune_ratio) * among] * n_rows
        own[-1] += finetune_ratio
        chances += [0.0, *own]
    return np.array(chances)


@pytest.mark.parametrize("loss", all_losses(n_negatives=3), ids=repr)
def test_losses_are_sums_of_what_rows_cost_times_their_weights(loss):
    """So what multiplies the leaves of a probe multiplies what the row costs."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(23, 4, generator=generator, dtype=torch.float64)
    table = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    targets = torch.randint(11, (23,), generator=generator)
    compute = loss.build(ItemCounts(torch.arange(1.0, 12.0), torch.arange(1.0, 12.0)))

    def total(weights):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return float(compute(hidden.float(), table.float(), targets, weights.float()))

    first, second = (torch.rand(23, generator=generator) + 0.01 for _ in range(2))
    assert total(3 * first) == pytest.approx(3 * total(first), rel=1e-5)
    assert total(first + second) == pytest.approx(total(first) + total(second), rel=1e-5)


@pytest.mark.parametrize("layout", [NextItemLayout(), LastItemLayout(), ClozeLayout(0.2, 0.5)])
def test_an_epoch_asks_for_the_weight_that_the_log_names(layout):
    lengths = [2, 3, 5, 9]
    weights = np.random.default_rng(0).uniform(size=sum(lengths))
    trainer = probing_trainer(layout, lengths, weights, batch_size=2)
    chances = np.ones(weights.size)
    chances[np.cumsum([0, *lengths[:-1]])] = 0
    if isinstance(layout, ClozeLayout):
        chances = cloze_chances(lengths, 0.2, 0.5)
    assert trainer.log.weight_asked == pytest.approx(chances @ weights, rel=1e-6)
