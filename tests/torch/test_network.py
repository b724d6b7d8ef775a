"""Inference: rows in groups, memory that runs out, unknown items."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch

from skace._torch import _network
from skace._torch._layouts import ClozeLayout, LastItemLayout, NextItemLayout
from skace._torch._network import Network, groups_of_similar_length, in_halves
from skace._torch.encoders._bert4rec import BERT4RecEncoder
from skace._torch.encoders._fmlp import FMLPEncoder
from skace._torch.encoders._gru4rec import GRU4RecEncoder
from skace._torch.encoders._sasrec import SASRecEncoder
from skace._torch.tables._base import ItemModule
from skace._torch.tables._frozen import FrozenItems
from skace._torch.tables._trainable import TrainableItems

N_ITEMS, D = 9, 8
ATTENTIVE = {"n_heads": 2, "attention_dropout": 0.5, "max_length": 5}


def make_encoder(cls, **sizes):
    """Encoder with weights large enough that every event matters."""
    encoder = cls(D, n_layers=1, dropout=0.5, **sizes)
    for name, parameter in encoder.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return encoder


ENCODERS = {
    "sasrec": lambda: (make_encoder(SASRecEncoder, **ATTENTIVE), NextItemLayout()),
    "gru4rec": lambda: (make_encoder(GRU4RecEncoder, hidden_dim=6), NextItemLayout()),
    "bert4rec": lambda: (make_encoder(BERT4RecEncoder, **ATTENTIVE), ClozeLayout(0.2, 0.5)),
    "fmlp": lambda: (make_encoder(FMLPEncoder, max_length=5), LastItemLayout()),
}


def build_network(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder, layout = ENCODERS[name]()
        return Network(encoder, FrozenItems(torch.randn(N_ITEMS, D)), 5, layout).eval()


@pytest.fixture(params=ENCODERS)
def network(request):
    return build_network(request.param)


@pytest.fixture
def histories(random_state):
    """Events, and starts and ends of 40 histories of 1 to 12 of them."""
    rng = np.random.default_rng(random_state)
    starts = rng.integers(80, size=40)
    return rng.integers(N_ITEMS, size=100), starts, starts + rng.integers(1, 13, size=40)


@pytest.mark.parametrize("name", ["sasrec", "gru4rec"])
def test_a_state_is_that_of_the_last_event(name, histories):
    network = build_network(name)
    items, starts, ends = histories
    states = network.encode(items, starts, ends)
    assert states.dtype == np.float32
    for row in (0, 7, 39):
        read = torch.from_numpy(items[max(starts[row], ends[row] - 5) : ends[row]])
        with torch.no_grad():
            alone = network.encoder(network.table[read][None])[0, -1]
        np.testing.assert_allclose(states[row], alone, rtol=1e-5, atol=1e-6)


def test_a_state_is_that_of_a_masked_event_after_the_last_one(histories):
    network = build_network("bert4rec")
    items, starts, ends = histories
    states = network.encode(items, starts, ends)
    for row in (0, 7, 39):
        read = torch.from_numpy(items[max(starts[row], ends[row] - 5) : ends[row]])
        x = torch.cat([network.table[read], 1e3 * torch.ones(1, D)])[None]
        is_read = torch.ones(1, len(read) + 1, dtype=torch.bool)
        is_masked = torch.arange(len(read) + 1)[None] == len(read)
        with torch.no_grad():
            alone = network.encoder(x, is_masked=is_masked, is_read=is_read)[0, -1]
        np.testing.assert_allclose(states[row], alone, rtol=1e-5, atol=1e-5)


def test_a_history_is_answered_alike_alone_and_beside_longer_ones(network, histories):
    items, starts, ends = histories
    states = network.encode(items, starts, ends)
    for row in range(len(starts)):
        alone = network.encode(items, starts[row : row + 1], ends[row : row + 1])[0]
        np.testing.assert_allclose(states[row], alone, rtol=1e-5, atol=1e-5)


def test_only_the_last_events_count(network, histories):
    items, _, ends = histories
    ends = ends[ends > 7]
    states = network.encode(items, ends - 5, ends)
    longer, shorter = (network.encode(items, ends - n, ends) for n in (7, 4))
    np.testing.assert_allclose(longer, states, rtol=1e-5, atol=1e-5)
    assert (np.abs(shorter - states).max(axis=1) > 1e-4).all()


def test_later_events_of_the_log_are_not_read(network, histories):
    items, starts, ends = histories
    states = network.encode(items, starts, ends)
    for row in (0, 7, 39):
        later = items.copy()
        later[ends[row] :] = (later[ends[row] :] + 1) % N_ITEMS
        changed = network.encode(later, starts[row : row + 1], ends[row : row + 1])[0]
        np.testing.assert_allclose(changed, states[row], rtol=1e-5, atol=1e-5)


class Negated(FrozenItems):
    """A table that has its own way of passing vectors through the encoder."""

    def encode(self, encoder, x):
        return -encoder(-x)


def test_the_table_decides_how_vectors_pass_the_encoder(network, histories):
    other = Network(network.encoder, Negated(-network.table), 5, network.layout).eval()
    np.testing.assert_allclose(
        other.encode(*histories), -network.encode(*histories), rtol=1e-5, atol=1e-6
    )


class Lengthened(FrozenItems):
    """A table that answers at all positions, whatever the encoder was asked for."""

    def encode(self, encoder, x):
        return encoder(x) + 0 * x


def test_a_table_that_answers_elsewhere_is_not_taken_at_its_word(histories):
    network = build_network("sasrec")
    other = Network(network.encoder, Lengthened(network.table), 5).eval()
    sentence = (
        "Lengthened.encode returned 5 positions of each window, but its encoder was asked for one "
        "and returned that; return as many."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        other.encode(*histories)


@pytest.mark.parametrize("positions", [1, 7, 64])
def test_grouping_does_not_change_states(network, histories, positions, monkeypatch):
    expected = network.encode(*histories)
    monkeypatch.setattr(_network, "_POSITIONS", positions)
    np.testing.assert_allclose(network.encode(*histories), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", [[3], [1, 5, 2, 5, 1], [4] * 9])
def test_groups_hold_every_row_once_longest_first(lengths, monkeypatch):
    monkeypatch.setattr(_network, "_POSITIONS", 10)
    lengths = np.array(lengths)
    groups = list(groups_of_similar_length(lengths))
    rows = np.concatenate(groups)
    assert sorted(rows.tolist()) == list(range(lengths.size))
    assert (np.diff(lengths[rows]) <= 0).all()
    assert all(group.size * lengths[group].max() <= 10 for group in groups)


def test_encoding_switches_dropout_off(network, histories):
    expected = network.encode(*histories)
    network.train()
    np.testing.assert_allclose(network.encode(*histories), expected, rtol=1e-6)
    assert not network.training


class Doubled(ItemModule):
    """A table that is computed from its parameters."""

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.zeros(2, 4))

    def forward(self):
        return 2 * self.factor


@pytest.mark.parametrize(
    "items", [Doubled(), TrainableItems(torch.zeros(2, 4), np.zeros(2, dtype=bool))]
)
def test_training_forgets_the_table_that_was_computed(items):
    network = Network(torch.nn.Identity(), items, max_length=3).eval()
    assert not network.table.any()
    network.train()
    with torch.no_grad():
        next(items.parameters()).add_(1)
    assert network.eval().table.all()


def test_the_table_is_computed_once_between_trainings(monkeypatch):
    calls = []
    monkeypatch.setattr(Doubled, "forward", lambda items: calls.append(1) or 2 * items.factor)
    network = Network(torch.nn.Identity(), Doubled(), max_length=3).eval()
    for _ in range(3):
        network.inner_products(np.ones((2, 4), dtype=np.float32))
    assert len(calls) == 1


def test_unknown_items_are_read_from_their_features(network):
    extra = np.random.default_rng(0).standard_normal((2, D)).astype(np.float32)
    items, start, end = np.array([0, N_ITEMS + 1]), np.array([0]), np.array([2])
    state = network.encode(items, start, end, extra)
    larger = FrozenItems(torch.cat([network.table, torch.from_numpy(extra)]))
    known = Network(network.encoder, larger, 5, network.layout).eval()
    np.testing.assert_allclose(state, known.encode(items, start, end), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [None, [8, 0, 3]])
def test_scores_are_inner_products_with_the_columns(network, columns):
    states = np.random.default_rng(0).standard_normal((6, D)).astype(np.float32)
    columns = None if columns is None else np.array(columns)
    scores = network.inner_products(states, columns)
    table = network.table.numpy() if columns is None else network.table.numpy()[columns]
    np.testing.assert_allclose(scores, states @ table.T, rtol=1e-5, atol=1e-6)


class Machine:
    """A computation that has room for a few rows at a time."""

    def __init__(self, room):
        self.room, self.sizes = room, []

    def __call__(self, rows):
        self.sizes.append(rows.size)
        if rows.size > self.room:
            message = "CUDA out of memory"
            raise torch.OutOfMemoryError(message)
        return rows[:, None] * np.array([1, 10])


@pytest.mark.parametrize(
    ("room", "sizes"),
    [
        (8, [8]),
        (4, [8, 4, 4]),
        (3, [8, 4, 2, 2, 4, 2, 2]),
        (1, [8, 4, 2, 1, 1, 2, 1, 1, 4, 2, 1, 1, 2, 1, 1]),
    ],
)
def test_rows_are_halved_until_they_fit(room, sizes):
    machine = Machine(room)
    result = in_halves(machine, np.arange(8))
    np.testing.assert_array_equal(result, np.arange(8)[:, None] * [1, 10])
    assert machine.sizes == sizes


def test_a_single_row_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        in_halves(Machine(0), np.arange(3))


def test_other_errors_are_not_taken_for_lack_of_memory():
    def fail(rows):
        raise RuntimeError(rows.size)

    with pytest.raises(RuntimeError, match=r"^3$"):
        in_halves(fail, np.arange(3))


def test_answers_are_the_same_when_memory_runs_out(network, histories, monkeypatch):
    expected = network.encode(*histories)
    encode_rows = Network._encode_rows

    def cramped(self, items, starts, ends, *others):
        if ends.size > 3:
            message = "CUDA out of memory"
            raise torch.OutOfMemoryError(message)
        return encode_rows(self, items, starts, ends, *others)

    monkeypatch.setattr(Network, "_encode_rows", cramped)
    np.testing.assert_allclose(network.encode(*histories), expected, rtol=1e-5, atol=1e-5)
