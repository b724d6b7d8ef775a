"""State as numpy arrays: there and back, into more rows, and what does not fit."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import torch
from torch import nn

from skace._torch._state import load_state, state_as_numpy, table_as_numpy
from skace._torch.encoders._sasrec import SASRecEncoder
from skace._torch.tables._base import ItemModule
from skace._torch.tables._frozen import FrozenItems
from skace._torch.tables._trainable import TrainableItems


def table(n_items=3, start=0.0):
    return TrainableItems(
        start + torch.arange(2.0 * n_items).reshape(n_items, 2),
        np.zeros(n_items, dtype=bool),
    )


def encoder(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SASRecEncoder(
            4, max_length=3, n_layers=1, n_heads=2, dropout=0.0, attention_dropout=0.0
        )


def test_round_trip_keeps_the_function():
    one, other = encoder(0).eval(), encoder(1).eval()
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(one(x), other(x))
    load_state(other, state_as_numpy(one))
    assert torch.equal(one(x), other(x))


def test_state_is_a_copy():
    module = table()
    state = state_as_numpy(module)
    with torch.no_grad():
        module.weight += 1
    np.testing.assert_array_equal(state["weight"], np.arange(6.0).reshape(3, 2))


def test_loading_reads_read_only_arrays_and_copies_them():
    saved = np.ones((3, 2), dtype=np.float32)
    saved.flags.writeable = False
    module = table()
    load_state(module, {"weight": saved})
    with torch.no_grad():
        module.weight += 1
    assert saved.max() == 1


def test_a_larger_table_takes_over_the_rows_and_keeps_the_rest():
    grown = table(n_items=4, start=100.0)
    load_state(grown, state_as_numpy(table()), may_grow=True)
    expected = [[0, 1], [2, 3], [4, 5], [106, 107]]
    np.testing.assert_array_equal(grown().detach(), expected)


@pytest.mark.parametrize(
    ("saved", "shape"),
    [(np.zeros((4, 2)), "(4, 2)"), (np.zeros((3, 3)), "(3, 3)")],
    ids=["more rows", "another width"],
)
def test_arrays_that_do_not_fit_are_refused(saved, shape):
    text = f"weight has shape (3, 2), the saved one {shape}."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load_state(table(), {"weight": saved})


def test_names_that_do_not_fit_are_refused():
    text = "the state does not fit the module; they differ in ['bias', 'weight']."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load_state(table(), {"bias": np.zeros(3)})


def test_scalars_are_restored():
    module, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    module.num_batches_tracked += 5
    load_state(other, state_as_numpy(module))
    assert other.num_batches_tracked == 5


class Doubled(ItemModule):
    """A table that is computed from its state."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(3, 2))

    def forward(self):
        return 2 * self.factor


@pytest.mark.parametrize("items", [table(), FrozenItems(torch.ones(3, 2))])
def test_a_plain_table_is_stored_once(items):
    state = state_as_numpy(items)
    assert table_as_numpy(items, state) is state["weight"]


def test_a_computed_table_is_stored_beside_its_state():
    state = state_as_numpy(Doubled())
    vectors = table_as_numpy(Doubled(), state)
    np.testing.assert_array_equal(vectors, np.full((3, 2), 2))
    np.testing.assert_array_equal(state["factor"], np.ones((3, 2)))
    assert vectors.dtype == np.float32


def test_a_table_of_the_same_items_has_to_be_there_in_full():
    with pytest.raises(ValueError, match=r"^weight has shape \(3, 2\), the saved one \(2, 2\)\.$"):
        load_state(table(), {"weight": np.zeros((2, 2), dtype=np.float32)})


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.float32])
def test_numbers_of_rows_are_whole_numbers(dtype):
    module = nn.Module()
    module.register_buffer("n_known", torch.tensor(3))
    load_state(module, {"n_known": np.array(4)})
    assert module.n_known.item() == 4
    with pytest.raises(ValueError, match=r"^n_known holds torch\.int64, the saved one torch\."):
        load_state(module, {"n_known": np.array(1, dtype=dtype)})


def test_whole_numbers_are_no_weights():
    expected = r"^weight holds torch\.float32, the saved one torch\.int64\.$"
    with pytest.raises(ValueError, match=expected):
        load_state(table(), {"weight": np.zeros((3, 2), dtype=np.int64)})
