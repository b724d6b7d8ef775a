"""A fitted network keeps the item table that it was built with, whatever is set later."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import pickle
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator

from skace import SASRecEstimator
from skace.datasets import make_cycle
from skace.item_tables import (
    AlignedAdapter,
    FrozenTable,
    IDTable,
    ItemTable,
    MLPAdapter,
    TrainableTable,
)

QUICK = {
    "k": 2,
    "n_layers": 1,
    "n_heads": 1,
    "max_length": 5,
    "max_epochs": 1,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=10, n_items=7, length=8, n_features=8, random_state=0)


def fit(X, table, **parameters):
    return SASRecEstimator(item_table=table, **(QUICK | parameters)).fit(X)


CHANGES = {
    "shape": (MLPAdapter(n_layers=2, ratio=0.5), {"item_table__ratio": 2.0}),
    "depth": (MLPAdapter(n_layers=2), {"item_table__n_layers": 1}),
    "class": (TrainableTable(), {"item_table": MLPAdapter()}),
    "nothing is scored": (TrainableTable(), {"item_table": IDTable()}),
    "default": (MLPAdapter(), {"item_table": None}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "reopen", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_changed_table_does_not_change_the_answers(cycle, change, reopen):
    table, parameters = CHANGES[change]
    model = fit(cycle, clone(table), embedding_dim=8)
    expected = model.decision_function(cycle)
    model.set_params(**parameters)
    np.testing.assert_array_equal(model.decision_function(cycle), expected)
    np.testing.assert_array_equal(reopen(model).decision_function(cycle), expected)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_a_changed_table_is_not_trained_on(cycle, change, method):
    table, parameters = CHANGES[change]
    model = fit(cycle, clone(table), embedding_dim=8, warm_start=True)
    expected = model.decision_function(cycle)
    model.set_params(**parameters)
    with pytest.raises(ValueError, match="but the fitted network, which is to be trained on, has"):
        getattr(model, method)(cycle)
    np.testing.assert_array_equal(model.decision_function(cycle), expected)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("shape", "item_table__ratio=2.0, but {}, has item_table__ratio=0.5; {}"),
        ("class", "item_table=MLPAdapter(), but {}, has item_table=TrainableTable(); {}"),
        ("nothing is scored", "item_table=IDTable(), but {}, has item_table=TrainableTable(); {}"),
        ("default", "item_table=TrainableTable(), but {}, has item_table=MLPAdapter(); {}"),
    ],
)
def test_the_error_names_what_was_changed(cycle, change, text):
    table, parameters = CHANGES[change]
    model = fit(cycle, clone(table), embedding_dim=8).set_params(**parameters)
    network = "the fitted network, which is to be trained on"
    text = text.format(network, "set it back, or fit anew with warm_start=False.")
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.partial_fit(cycle)


@pytest.mark.parametrize("table", [None, TrainableTable(), TrainableTable(init_std=0.02)])
def test_an_equal_table_is_no_change(cycle, table):
    model = fit(cycle, None).set_params(item_table=table)
    before = model.item_vectors_
    model.partial_fit(cycle)
    assert (model.item_vectors_ != before).any()


def test_a_fresh_fit_takes_the_table_that_is_set(cycle):
    model = fit(cycle, TrainableTable()).set_params(item_table=FrozenTable()).fit(cycle)
    assert isinstance(model.item_table_, FrozenTable)
    np.testing.assert_array_equal(model.item_vectors_, cycle.catalog.features.astype(np.float32))


def test_the_kept_table_is_a_copy(cycle):
    table = MLPAdapter(ratio=0.5)
    model = fit(cycle, table, embedding_dim=8)
    assert model.item_table is table
    assert model.item_table_ is not table
    assert model.item_table_.get_params() == table.get_params()


def test_another_reference_of_equal_parameters_is_a_change(cycle):
    ids = [fit(cycle, IDTable(), embedding_dim=8, random_state=seed) for seed in (0, 1)]
    one, other = (FrozenEstimator(model.set_params(random_state=0)) for model in ids)
    model = fit(cycle, AlignedAdapter(inner_dim=4, reference=one), embedding_dim=8)
    pickle.loads(pickle.dumps(model)).partial_fit(cycle)  # the reference comes back once
    model.set_params(item_table__reference=other)
    with pytest.raises(ValueError, match=r"^item_table__reference="):
        model.partial_fit(cycle)


class Noise(BaseEstimator):
    """Parameter object of a third party."""

    def __init__(self, *, std=0.1):
        self.std = std


class NoisyTable(ItemTable):
    """Table with a nested parameter and one that is an array."""

    def __init__(self, *, noise=None, scales=None, cold_items="excluded"):
        super().__init__(cold_items=cold_items)
        self.noise = noise
        self.scales = scales

    def build(self, features, *, n_items, width, is_cold, generator):
        table = TrainableTable(init_std=self.noise.std)
        return table.build(
            features, n_items=n_items, width=width, is_cold=is_cold, generator=generator
        )


def test_nested_parameters_and_arrays_are_compared_by_value(cycle):
    model = fit(cycle, NoisyTable(noise=Noise(), scales=np.ones(3)))
    model.set_params(item_table=NoisyTable(noise=Noise(), scales=np.ones(3))).partial_fit(cycle)
    model.set_params(item_table__noise__std=0.2)
    with pytest.raises(ValueError, match=r"^item_table__noise__std=0\.2, but"):
        model.partial_fit(cycle)
    model.set_params(item_table__noise__std=0.1, item_table__scales=np.zeros(3))
    with pytest.raises(ValueError, match=r"^item_table__scales=array\(\[0\., 0\., 0\.\]\), but"):
        model.partial_fit(cycle)
