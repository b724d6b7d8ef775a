"""MELT's branches: what is learned, when, and what becomes of tail items."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skace._torch._batches import DeviceLog
from skace._torch._network import Network
from skace._torch.tables._trainable import TrainableItems
from skace._torch.training import _melt
from skace._torch.training._auxiliary import Reader
from skace._torch.training._melt import (
    ItemBranch,
    MELTBranches,
    MELTEncoder,
    UserBranch,
    curriculum,
    fit_map,
)
from skace._torch.training._parallel import Ranks
from skace._windows import cut_windows

CPU = torch.device("cpu")
N_ITEMS, D, LENGTH = 5, 3, 4
#                0  1  2  3  4 | 5  6  7 | 8  9 10 11 12 13
ITEMS = np.array([0, 1, 2, 1, 3, 4, 1, 0, 2, 1, 0, 2, 1, 4])
OFFSETS = np.array([0, 5, 8, 14])


class Running(nn.Module):
    """Causal backbone without randomness: a function of the sum of what was read."""

    def forward(self, x):
        return torch.tanh(x.cumsum(dim=1))


@pytest.fixture
def network():
    torch.manual_seed(0)
    vectors = torch.randn(N_ITEMS, D)
    encoder = MELTEncoder(Running(), D, n_tail=2)
    nn.init.normal_(encoder.user_map.bias)
    return Network(encoder, TrainableItems(vectors, np.zeros(N_ITEMS, bool)), LENGTH).train()


@pytest.fixture
def log(network):
    windows = cut_windows(np.ones(ITEMS.size, bool), OFFSETS, LENGTH)
    return DeviceLog(ITEMS, np.ones(ITEMS.size), windows, CPU, network.layout)


@pytest.fixture
def reader(network, log):
    return Reader(network, log.items, torch.float32)


def state(network, start, length):
    """State after some events, by itself."""
    read = network.items.weight[torch.from_numpy(ITEMS[start : start + length])]
    return torch.tanh(read.sum(dim=0))


def user_branch():
    return UserBranch(np.array([1, 10]), np.array([4, 4]), threshold=3, max_length=LENGTH + 2)


def item_branch(threshold=2):
    """Items 0 and 1: the histories before events 7, 10 and before 1, 3, 6, 9, 12."""
    starts = np.array([5, 8, 0, 0, 5, 8, 8])
    lengths = np.array([2, 2, 1, 3, 1, 1, 4])
    return ItemBranch(
        np.array([0, 1]), np.array([3, 5]), np.array([0, 2, 7]), starts, lengths, threshold
    )


@pytest.mark.parametrize(
    ("progress", "surplus", "expected"),
    [
        (0.0, 0, 0.0),
        (0.0, 10, 1.0),
        (0.0, 5, math.sin(math.pi / 4)),
        (0.5, 0, math.sin(math.pi / 4)),
        (0.5, 10, math.sin(3 * math.pi / 4)),
        (1.0, 0, 1.0),
        (1.0, 10, 0.0),
    ],
)
def test_the_curriculum_goes_from_many_events_to_few(progress, surplus, expected):
    assert curriculum(progress, np.array([surplus]), 10)[0] == pytest.approx(expected, abs=1e-6)


@given(progress=st.floats(0, 1), surplus=st.integers(0, 10))
def test_weights_of_the_curriculum_are_shares(progress, surplus):
    assert 0 <= curriculum(progress, np.array([surplus]), 10)[0] <= 1


@pytest.mark.parametrize("progress", [None, 0.0, 0.4])
def test_the_user_branch_is_that_of_a_loop(network, reader, progress):
    branch, table = user_branch(), network.items()
    chosen = np.array([1, 0])
    drawn = branch.draw(chosen, np.random.RandomState(0))
    cost = branch.cost(chosen, drawn, reader, table, progress)
    squares = []
    for user in chosen:
        start, length = branch.starts[user], branch.lengths[user]
        few = state(network, start + length - 1, 1)  # R is 1 if the threshold is 3
        error = network.encoder.user_map(few) - state(network, start, length)
        weight = 1.0
        if progress is not None:
            weight = abs(math.sin(math.pi / 2 * progress + math.pi / 2 * (4 - 3) / (6 - 3)))
        squares.append(weight * error**2)
    torch.testing.assert_close(cost, torch.stack(squares).mean(dim=1).sum())


@pytest.mark.parametrize(("threshold", "most"), [(1, 1), (3, 1), (6, 4)])
def test_few_events_are_fewer_than_a_tail_user_may_have(network, reader, threshold, most):
    """R goes from 1 to two below the threshold."""
    seen = set()
    branch = UserBranch(np.array([8]), np.array([6]), threshold, 6)
    table = network.items()
    for seed in range(40):
        read = []
        reader_of_lengths = _Recorder(reader, read)
        drawn = branch.draw(np.array([0]), np.random.RandomState(seed))
        branch.cost(np.array([0]), drawn, reader_of_lengths, table, None)
        full, few = read
        assert full == (8, 6)
        assert few[0] + few[1] == 14  # the last ones
        seen.add(few[1])
    assert seen == set(range(1, most + 1))


class _Recorder:
    """Reader that notes what it was asked for."""

    def __init__(self, reader, read):
        self.reader, self.read = reader, read
        self.network = reader.network

    def states(self, table, starts, lengths):
        self.read += list(zip(starts.tolist(), lengths.tolist(), strict=True))
        return self.reader.states(table, starts, lengths)


@pytest.mark.parametrize("progress", [None, 0.0, 0.4])
def test_the_item_branch_is_that_of_a_loop(network, reader, progress):
    branch, table, read = item_branch(threshold=3), network.items(), []
    chosen = np.array([1, 0])
    drawn = branch.draw(chosen, np.random.RandomState(3))
    cost = branch.cost(chosen, drawn, _Recorder(reader, read), table, progress)
    known = dict.fromkeys(zip(branch.starts[:2], branch.lengths[:2], strict=True), 0)
    known |= dict.fromkeys(zip(branch.starts[2:], branch.lengths[2:], strict=True), 1)
    encoder, squares = network.encoder, []
    for item in chosen:
        states = [state(network, *piece) for piece in read if known[piece] == item]
        assert 1 <= len(states) <= 2  # K is at most one below the threshold
        mean = sum(r + encoder.user_map(r) for r in states) / len(states)
        weight = 1.0
        if progress is not None:
            surplus = branch.counts[item] - 3
            weight = abs(math.sin(math.pi / 2 * progress + math.pi / 100 * surplus))
        squares.append(weight * (encoder.item_map(mean) - table[branch.rows[item]]) ** 2)
    torch.testing.assert_close(cost, torch.stack(squares).mean(dim=1).sum())
    assert len(set(read)) == len(read)  # without replacement


@pytest.mark.parametrize("threshold", [1, 2, 100])
def test_no_more_histories_are_read_than_allowed(monkeypatch, threshold):
    monkeypatch.setattr(_melt, "_MOST_CONTEXTS", 4)
    branch = item_branch(threshold)
    counts = set()
    for seed in range(60):
        (histories,) = branch.draw(np.array([1]), np.random.RandomState(seed))
        assert set(histories) <= set(range(2, 7))
        counts.add(histories.size)
    assert counts == set(range(1, min(4, max(1, threshold - 1)) + 1))


ALONE = Ranks()


def branches(reader, log, *, weights=(0.5, 2.0), is_tail=(0, 0, 0, 1, 1), ranks=ALONE):
    parts = user_branch(), item_branch()
    rng = np.random.RandomState(0)
    return MELTBranches(reader, log, *parts, np.array(is_tail, dtype=bool), weights, rng, ranks)


def watch(branch, seen):
    """Let each head of a branch cost 1 and note the heads and the progress that it is given."""

    def cost(chosen, _drawn, _reader, _table, progress):
        seen.append((chosen.tolist(), progress))
        return torch.tensor(float(chosen.size))

    branch.cost = cost


def test_every_head_has_its_turn_once_an_epoch(network, log, reader):
    auxiliary, table = branches(reader, log), network.items()
    seen = [], []
    watch(auxiliary.users, seen[0])
    watch(auxiliary.items, seen[1])
    for _ in range(2):
        auxiliary.begin_epoch(3)
        costs = [auxiliary.cost(log.batch(np.array([0])), table) for _ in range(3)]
        # The mean over the steps is the mean over the heads, although one step goes without.
        mean = sum(float(cost) for cost in costs if cost is not None) / 3
        assert mean == pytest.approx(0.5 + 2.0)
        assert any(cost is None for cost in costs)  # two heads, three steps
    for parts in seen:
        assert sorted(head for chosen, _ in parts for head in chosen) == [0, 0, 1, 1]


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_ranks_together_learn_what_one_does(network, log, reader, n_steps):
    table, item_map = network.items(), copy.deepcopy(network.encoder.item_map.state_dict())

    def mean_cost(ranks):
        auxiliary = branches(reader, log, is_tail=(0, 0, 0, 0, 0), ranks=ranks)
        network.encoder.item_map.load_state_dict(item_map)
        auxiliary.begin_epoch(n_steps)
        costs = [auxiliary.cost(log.batch(np.array([0])), table) for _ in range(n_steps)]
        return sum(cost.detach() for cost in costs if cost is not None) / n_steps

    together = sum(mean_cost(Ranks(number, 2)) for number in range(2))
    torch.testing.assert_close(together, mean_cost(ALONE))


@pytest.mark.parametrize(("n_epochs", "expected"), [(1, [None]), (4, [0.0, 0.25, 0.5, 0.75])])
def test_the_curriculum_is_spread_over_the_epochs(network, log, reader, n_epochs, expected):
    auxiliary, table, seen = branches(reader, log), network.items(), []
    auxiliary.n_epochs = n_epochs
    watch(auxiliary.users, seen)
    for _ in range(n_epochs):
        auxiliary.begin_epoch(1)
        auxiliary.cost(log.batch(np.array([0])), table)
    assert [progress for _, progress in seen] == expected


def test_tail_items_become_the_map_of_what_leads_to_them(network, log, reader):
    """Item 3 stands after 0 1 2 1; item 4 first in a log, and after 2 1 0 2 | 1."""
    expected = network.items.weight.detach().clone()
    with torch.no_grad():
        expected[3] = network.encoder.item_map(state(network, 0, 4))
        expected[4] = network.encoder.item_map(state(network, 9, 4))
    auxiliary = branches(reader, log)
    auxiliary.knows_items = True
    auxiliary.begin_epoch(1)
    torch.testing.assert_close(network.items.weight.detach(), expected)
    assert network.training


def test_before_its_first_use_the_map_is_learned_from_heads(network, log, reader):
    """At random it would give tail items vectors of another length than those of heads."""
    auxiliary = branches(reader, log)
    means = auxiliary._mean_states(network.items())[0]
    fitted = nn.Linear(D, D)
    with torch.no_grad():
        fit_map(fitted, means[:2], network.items.weight[:2])
        expected = fitted(means[3])
    auxiliary.begin_epoch(1)
    torch.testing.assert_close(network.encoder.item_map.weight, fitted.weight)
    torch.testing.assert_close(network.items.weight[3].detach(), expected)
    map_then = network.encoder.item_map.weight.detach().clone()
    auxiliary.begin_epoch(1)
    assert torch.equal(network.encoder.item_map.weight, map_then)  # once


def test_the_map_of_least_squares_finds_a_linear_map():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, D, generator=generator)
    true = nn.Linear(D, D)
    found = nn.Linear(D, D)
    with torch.no_grad():
        fit_map(found, x, true(x))
    torch.testing.assert_close(found(x), true(x), atol=0.1, rtol=0.1)
    with torch.no_grad():
        fit_map(found, x[:1], true(x[:1]))  # one head: its vector, whatever is asked
    torch.testing.assert_close(found(x), true(x[:1]).expand(400, D))


@pytest.mark.parametrize(
    ("max_length", "of_item_0"),
    [(4, [(5, 3), (8, 3)]), (5, [(5, 3), (9, 2)]), (6, [(5, 3), (8, 3)])],
)
def test_histories_may_end_with_the_item(network, max_length, of_item_0):
    """Events 0 to 4 are the first user's; a full window (8 to 12) drops its first for the item."""
    network.max_length = max_length
    windows = cut_windows(np.ones(ITEMS.size, bool), OFFSETS, max_length, overlap=True)
    log = DeviceLog(ITEMS, np.ones(ITEMS.size), windows, CPU, network.layout)
    reader = Reader(network, log.items, torch.float32)
    auxiliary = MELTBranches(
        reader, log, user_branch(), item_branch(), np.zeros(N_ITEMS, bool), (1.0, 1.0),
        np.random.RandomState(0), ALONE, through=True,
    )  # fmt: skip
    means, _ = auxiliary._mean_states(network.items())
    length = min(5, max_length)
    torch.testing.assert_close(means[3], state(network, 5 - length, length))
    expected = sum(state(network, *piece) for piece in of_item_0) / 2
    torch.testing.assert_close(means[0], expected)


class Timely(nn.Module):
    """Causal backbone that adds to what was read how long it took."""

    reads_times = True

    def forward(self, x, times):
        took = (times - times[:, :1]).float()[:, :, None]
        return torch.tanh(x.cumsum(dim=1) + took)


@pytest.mark.parametrize(
    ("through", "pieces"), [(False, [(5, 2), (8, 2)]), (True, [(5, 3), (8, 3)])]
)
def test_backbones_are_told_the_times_of_what_they_read(through, pieces):
    encoder, items = MELTEncoder(Timely(), D, n_tail=2), torch.randn(N_ITEMS, D)
    network = Network(encoder, TrainableItems(items, np.zeros(N_ITEMS, bool)), LENGTH).train()
    windows = cut_windows(np.ones(ITEMS.size, bool), OFFSETS, LENGTH)
    times = np.arange(ITEMS.size) ** 1.5 / 10
    log = DeviceLog(ITEMS, np.ones(ITEMS.size), windows, CPU, network.layout, times)
    reader = Reader(network, log.items, torch.float32, log.times)
    assert encoder.reads_times

    def by_hand(start, length):
        read = items[torch.from_numpy(ITEMS[start : start + length])].sum(dim=0)
        return torch.tanh(read + float(times[start + length - 1] - times[start]))

    auxiliary = MELTBranches(
        reader, log, user_branch(), item_branch(), np.zeros(N_ITEMS, bool), (1.0, 1.0),
        np.random.RandomState(0), ALONE, through=through,
    )  # fmt: skip
    means, _ = auxiliary._mean_states(network.items())
    torch.testing.assert_close(means[0], sum(by_hand(*piece) for piece in pieces) / 2)
    found = reader.states(network.items(), *np.array(pieces).T)
    torch.testing.assert_close(found, torch.stack([by_hand(*piece) for piece in pieces]))


def test_the_mean_is_over_all_that_leads_to_an_item(network, log, reader):
    auxiliary = branches(reader, log, is_tail=(1, 0, 0, 0, 0))
    pieces = [(5, 2), (8, 2)]  # the first event of a log is led to by nothing
    mean = sum(state(network, *piece) for piece in pieces) / 2
    expected = network.encoder.item_map(mean).detach()
    auxiliary.replace_tail()
    torch.testing.assert_close(network.items.weight[0].detach(), expected)


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_a_weight_of_zero_leaves_a_branch_out(network, log, reader, weights):
    auxiliary, before = branches(reader, log, weights=weights), network.items.weight.clone()
    for _ in range(2):
        auxiliary.begin_epoch(1)
        cost = auxiliary.cost(log.batch(np.array([0])), network.items())
        assert (cost is None) == (weights == (0.0, 0.0))
    assert torch.equal(network.items.weight, before) == (weights[1] == 0)


@pytest.mark.parametrize("n_tail", [0, 1, 2, 9])
def test_short_histories_are_enhanced_at_inference_only(network, n_tail):
    encoder = network.encoder
    encoder.n_tail = n_tail
    x = torch.randn(2, 4, D, generator=torch.Generator().manual_seed(0))
    plain = encoder.backbone(x)
    assert torch.equal(encoder.train()(x), plain)
    enhanced = encoder.eval()(x)
    torch.testing.assert_close(enhanced[:, :n_tail], (plain + encoder.user_map(plain))[:, :n_tail])
    assert torch.equal(enhanced[:, n_tail:], plain[:, n_tail:])
