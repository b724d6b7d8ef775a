"""GRU4RecEstimator: the shape of its network, and what it remembers."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace.datasets import make_cycle
from skace.recommenders import GRU4RecEstimator

QUICK = {
    "k": 2,
    "max_length": 5,
    "max_epochs": 3,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def cycle():
    """Twelve walks of 9 steps around 7 items."""
    return make_cycle(n_users=12, n_items=7, length=9, n_features=8, random_state=0)


@pytest.mark.parametrize(("hidden_dim", "width"), [(None, 8), (3, 3), (20, 20)])
def test_the_state_is_as_wide_as_asked_and_mapped_back(cycle, hidden_dim, width):
    model = GRU4RecEstimator(hidden_dim=hidden_dim, **QUICK).fit(cycle)
    shapes = {name: value.shape for name, value in model.encoder_state_.items()}
    assert shapes == {
        "gru.weight_ih_l0": (3 * width, 8),
        "gru.weight_hh_l0": (3 * width, width),
        "narrow.weight": (8, width),
        "narrow.bias": (8,),
    }
    assert model.encode(cycle).shape == (108, 8)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_layers_are_as_many_as_asked(cycle, n_layers):
    model = GRU4RecEstimator(n_layers=n_layers, **QUICK).fit(cycle)
    names = [name for name in model.encoder_state_ if name.startswith("gru.weight_hh")]
    assert len(names) == n_layers


def test_the_order_of_the_past_matters(cycle):
    model = GRU4RecEstimator(**(QUICK | {"learning_rate": 0.01, "max_epochs": 10})).fit(cycle)
    forth, back = model.decision_function([[1, 2, 3, 4], [2, 1, 3, 4]])
    assert np.abs(forth - back).max() > 1e-3


@pytest.mark.parametrize("n_layers", [1, 2])
def test_one_layer_has_dropout_on_its_input_and_two_between_them_as_well(cycle, n_layers):
    model = GRU4RecEstimator(n_layers=n_layers, dropout=0.4, **QUICK).fit(cycle)
    encoder = model._fitted_network().encoder
    assert (encoder.dropout.p, encoder.gru.dropout) == (0.4, 0.4 if n_layers == 2 else 0.0)
