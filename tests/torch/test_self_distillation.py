"""Self-distillation: who is similar, and what is added to the loss."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skace import Catalog, Interactions, SASRecEstimator, leave_last_out
from skace._torch._batches import DeviceLog
from skace._torch._layouts import LastItemLayout
from skace._torch._network import Network
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training._auxiliary import Reader
from skace._torch.training._self_distillation import (
    SelfDistillation,
    mean_features,
    similar_windows,
)
from skace._windows import cut_windows
from skace.datasets import make_cycle
from skace.item_tables import DualViewTable
from skace.recommenders import BERT4RecEstimator, FMLPEstimator, GRU4RecEstimator, NeuralRecommender

CPU = torch.device("cpu")
N_ITEMS, D = 7, 4
QUICK = {
    "k": 1,
    "embedding_dim": 8,
    "max_length": 4,
    "max_epochs": 2,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


class Running(nn.Module):
    """Causal encoder without randomness: the running sum of what was read."""

    def forward(self, x, lengths=None):  # noqa: ARG002 (some layouts tell them)
        return torch.tanh(x.cumsum(dim=1))


def make_parts(layout=None, seed=0):
    """Network, log and users over nine sequences of 1 to 6 events; windows of 3."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, size=9)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = rng.integers(N_ITEMS, size=offsets[-1])
    vectors = torch.randn(N_ITEMS, D, generator=torch.Generator().manual_seed(seed))
    network = Network(Running(), TrainableItems(vectors, np.zeros(N_ITEMS, bool)), 3, layout)
    windows = cut_windows(np.ones(items.size, bool), offsets, 3)
    log = DeviceLog(items, np.ones(items.size), windows, CPU, network.layout)
    users = np.searchsorted(offsets, windows.starts, side="right") - 1
    return network, log, users, windows


@given(
    n_windows=st.integers(1, 12),
    n_similar=st.integers(1, 5),
    n_users=st.integers(1, 6),
    seed=st.integers(0, 99),
    block_bytes=st.sampled_from([1, 100, 10**6]),
)
def test_similar_windows_are_those_of_a_loop(n_windows, n_similar, n_users, seed, block_bytes):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n_windows, 3))
    owners = rng.integers(n_users, size=n_windows)
    found = similar_windows(torch.from_numpy(vectors), owners, n_similar, block_bytes=block_bytes)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for window in range(n_windows):
        others = [other for other in range(n_windows) if owners[other] != owners[window]]
        others.sort(key=lambda other: -units[other] @ units[window])
        expected = others[:n_similar] + [-1] * n_similar
        assert found[window].tolist() == expected[: min(n_similar, n_windows)]


def test_a_history_is_the_mean_of_its_features_and_of_nothing_after_it():
    features = np.arange(12.0).reshape(4, 3)
    items = np.array([3, 0, 0, 2, 1])
    means = mean_features(items, np.array([0, 3]), np.array([3, 1]), features)
    np.testing.assert_allclose(means, [(features[3] + 2 * features[0]) / 3, features[2]])
    assert means.dtype == np.float32


@pytest.mark.parametrize("layout", [None, LastItemLayout()])
@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_the_cost_is_that_of_a_loop(layout, weight):
    network, log, users, windows = make_parts(layout)
    network.train()
    table = network.items()
    similar = similar_windows(torch.randn(len(windows), 5), users, 3)
    similar[0] = -1  # nobody is like the first one
    similar[1, 1:] = -1
    auxiliary = SelfDistillation(Reader(network, log.items, torch.float32), log, similar, weight)
    # Steps of one, of two and of all other windows: the mean over them is that over the windows.
    numbers = np.arange(len(windows))[::-1].copy()
    parts = [numbers[:1], numbers[1:3], numbers[3:]]
    auxiliary.begin_epoch(len(parts))
    costs = [auxiliary.cost(log.batch(part), table) for part in parts]
    cost = sum(cost for cost in costs if cost is not None) / len(parts)

    def state(window):
        start, length = windows.starts[window], windows.lengths[window]
        return torch.tanh(table[log.items[start : start + length]].sum(dim=0))

    squares = []
    for window in range(1, len(windows)):
        likes = [state(other) for other in similar[window] if other >= 0]
        squares.append((state(window) - sum(likes) / len(likes)) ** 2)
    torch.testing.assert_close(cost, weight * torch.stack(squares).mean())


def test_the_likes_stand_still():
    """Only the windows of the step move; what they are drawn to gives no gradient."""
    network, log, _, windows = make_parts()
    numbers = np.array([0])
    similar = np.full((len(windows), 1), len(windows) - 1)
    auxiliary = SelfDistillation(Reader(network, log.items, torch.float32), log, similar, 1.0)
    auxiliary.begin_epoch(1)
    auxiliary.cost(log.batch(numbers), network.items()).backward()
    read = log.items[windows.starts[0] : windows.starts[0] + windows.lengths[0]]
    moved = network.items.weight.grad.abs().sum(dim=1).nonzero()[:, 0]
    assert set(moved.tolist()) == set(read.tolist())


def test_without_likes_there_is_no_cost():
    network, log, _, windows = make_parts()
    similar = np.full((len(windows), 2), -1)
    auxiliary = SelfDistillation(Reader(network, log.items, torch.float32), log, similar, 1.0)
    assert auxiliary.cost(log.batch(np.array([0, 1])), network.items()) is None


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=20, n_items=8, length=7, n_features=12, random_state=0)


def fit(X, table, cls=SASRecEstimator, **parameters):
    return cls(item_table=table, **(QUICK | parameters)).fit(X)


def test_off_it_is_not_even_built(cycle, monkeypatch):
    trainers, build = [], NeuralRecommender._build_trainer

    def remember(self, *args):
        trainers.append(build(self, *args))
        return trainers[-1]

    monkeypatch.setattr(NeuralRecommender, "_build_trainer", remember)
    model = fit(cycle, DualViewTable())
    other = fit(cycle, DualViewTable(distillation=0, n_retrieved=3))
    fit(cycle, DualViewTable(distillation=0.1))
    assert [trainer.auxiliary is None for trainer in trainers] == [True, True, False]
    np.testing.assert_array_equal(model.item_vectors_, other.item_vectors_)


@pytest.mark.parametrize(
    "cls",
    [
        SASRecEstimator,
        BERT4RecEstimator,
        *(pytest.param(c, marks=pytest.mark.minutes) for c in (GRU4RecEstimator, FMLPEstimator)),
    ],
)
def test_every_backbone_is_distilled(cycle, cls):
    plain, distilled = (
        fit(cycle, DualViewTable(distillation=weight), cls, n_layers=1) for weight in (0, 1)
    )
    assert np.isfinite(distilled.decision_function(cycle)).all()
    assert np.abs(plain.item_vectors_ - distilled.item_vectors_).max() > 1e-5


def test_similar_users_come_closer(cycle, training_seed, margin):
    """Users at one point of the cycle are alike; distilled, their states are."""
    spread = {}
    for weight in (0, 20):
        own = {"max_epochs": 8, "learning_rate": 0.01, "random_state": training_seed}
        model = fit(cycle, DualViewTable(distillation=weight), **own)
        states = model.encode(cycle.next_queries())
        spread[weight] = np.linalg.norm(states - states.mean(axis=0), axis=1).mean()
    margin(spread[20] / spread[0], below=0.9)


def test_more_users_are_asked_if_wanted(cycle):
    few, many = (
        fit(cycle, DualViewTable(distillation=1.0, n_retrieved=n)).item_vectors_ for n in (1, 15)
    )
    assert np.abs(few - many).max() > 1e-6


def test_only_rows_of_the_fold_are_likes(cycle):
    """Deleting users that the fold leaves out changes nothing."""
    fold = cycle[cycle.users < 12]
    alone = Interactions(fold.users, fold.items, fold.timestamps, catalog=cycle.catalog)
    table = DualViewTable(distillation=0.5)
    np.testing.assert_array_equal(fit(fold, table).item_vectors_, fit(alone, table).item_vectors_)


def test_it_grows_with_new_events_and_survives_a_lone_user(cycle):
    model = fit(cycle, DualViewTable(distillation=0.5))
    lone = Interactions([99] * 3, [1, 2, 3], [0, 1, 2], catalog=cycle.catalog)
    first = Interactions([98], [1], [0], catalog=Catalog(np.arange(8), cycle.catalog.features))
    for rows in (cycle[:20], lone):
        model.partial_fit(rows)
    with pytest.warns(UserWarning, match="has a past"):
        model.partial_fit(first)
    assert np.isfinite(model.decision_function(cycle)).all()


@pytest.mark.parametrize(("parameter", "value"), [("distillation", -0.1), ("n_retrieved", 0)])
def test_senseless_values_are_refused(cycle, parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of DualViewTable must be"):
        fit(cycle, DualViewTable(**{parameter: value}))


def test_a_grid_reaches_it(cycle):
    model = SASRecEstimator(item_table=DualViewTable(), **QUICK)
    model.set_params(item_table__distillation=0.3, item_table__n_retrieved=2)
    assert model.item_table.get_params()["distillation"] == 0.3
    assert model.fit(cycle).item_table_.n_retrieved == 2


@pytest.mark.minutes
def test_a_distilled_model_finds_the_next_step_of_a_cycle(training_seed, margin, least_lead):
    X = make_cycle(n_users=30, n_items=8, length=10, n_features=16, random_state=0)
    train, test = leave_last_out(X)
    model = fit(
        train,
        DualViewTable(distillation=0.1, n_retrieved=5),
        embedding_dim=16,
        max_length=10,
        n_layers=1,
        n_heads=1,
        dropout=0.1,
        attention_dropout=0.0,
        learning_rate=0.01,
        max_epochs=25,
        random_state=training_seed,
    )
    margin(least_lead(model, test), above=0)
