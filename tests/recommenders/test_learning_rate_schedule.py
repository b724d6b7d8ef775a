"""learning_rate_schedule: the rate of each step, and how long a schedule is."""
# SPDX-License-Identifier: BSD-3-Clause

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skace._torch.training._trainer as trainer_module
from skace.datasets import make_cycle
from skace.item_tables import TrainableTable
from skace.losses import SampledSoftmax
from skace.recommenders import (
    GRU4RecEstimator,
    MELTEstimator,
    PopularityEstimator,
    SASRecEstimator,
    StackingRecommender,
)

QUICK = {"k": 2, "n_layers": 1, "max_length": 5, "batch_size": 8, "random_state": 0}
LINEAR = QUICK | {"learning_rate_schedule": "linear", "early_stopping": False}

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=30, n_items=9, length=8, n_features=8, random_state=0)


@pytest.fixture
def rates(monkeypatch):
    """Rates of all steps, a row each with a number for each optimizer."""
    seen, step = [], trainer_module.Trainer.step

    def noting(self, batch):
        seen.append([optimizer.param_groups[0]["lr"] for optimizer in self.optimizers])
        return step(self, batch)

    monkeypatch.setattr(trainer_module.Trainer, "step", noting)
    return seen


def expected_rates(n_steps, peak):
    """Up for a tenth of the steps, and down to 0 behind the last one."""
    n_up = 0.1 * n_steps
    up = [(step + 1) / (n_up + 1) for step in range(int(np.ceil(n_up)))]
    down = [(n_steps - step) / (n_steps - n_up) for step in range(len(up), n_steps)]
    return peak * np.array(up + down)


@pytest.mark.parametrize("n_epochs", [1, 3, 10])
def test_the_rate_rises_and_falls_to_nothing(cycle, rates, n_epochs):
    SASRecEstimator(**LINEAR, max_epochs=n_epochs, learning_rate=0.03).fit(cycle)
    found = np.array(rates)[:, 0]
    assert len(found) % n_epochs == 0
    assert_allclose(found, expected_rates(len(found), 0.03))
    assert found[-1] < 0.2 * found.max() <= 0.03


def test_a_constant_rate_is_the_default(cycle, rates):
    SASRecEstimator(**QUICK, early_stopping=False, max_epochs=2, learning_rate=0.03).fit(cycle)
    assert_array_equal(np.array(rates), 0.03)


def test_vectors_that_are_looked_up_follow_as_well(cycle, rates):
    table = TrainableTable(sparse=True)
    model = GRU4RecEstimator(
        **{name: value for name, value in LINEAR.items() if name != "n_layers"},
        item_table=table,
        loss=SampledSoftmax(2),
        max_epochs=2,
    )
    model.fit(cycle)
    found = np.array(rates)
    assert found.shape[1] == 2
    assert_allclose(found, np.repeat(expected_rates(len(found), 0.001)[:, None], 2, axis=1))


def test_the_length_is_that_of_max_epochs_where_a_fit_stops_early(cycle, rates, scripted):
    scripted(0.3, 0.2, 0.1, 0.1)
    options = LINEAR | {"early_stopping": True, "n_iter_no_change": 2}
    model = SASRecEstimator(**options, max_epochs=9).fit(cycle)
    assert model.n_iter_ == 3
    found = np.array(rates)[:, 0]
    assert_allclose(found, expected_rates(3 * len(found), 0.001)[: len(found)])


def test_a_second_training_goes_the_first_steps_of_the_same_schedule(cycle, rates, scripted):
    scripted(0.1, 0.3, 0.2, 0.2)
    options = LINEAR | {"early_stopping": True, "train_on_held_out": True}
    model = SASRecEstimator(**options, max_epochs=4).fit(cycle)
    assert model.best_epoch_ == 2
    found = np.array(rates)[:, 0]
    assert len(found) % 6 == 0  # four epochs, then two
    first, second = np.split(found, [2 * len(found) // 3])
    assert_allclose(second, first[: len(second)])


def test_a_last_epoch_that_is_the_best_is_no_warning(cycle, scripted):
    scripted(0.1, 0.2, 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SASRecEstimator(**LINEAR | {"early_stopping": True}, max_epochs=3).fit(cycle)
    assert model.best_epoch_ == 3


def test_each_part_of_melt_has_a_schedule(cycle, rates):
    options = {name: value for name, value in LINEAR.items() if name != "k"}
    backbone = SASRecEstimator(**options, max_epochs=2)
    MELTEstimator(backbone, k=2, max_epochs=3, user_threshold=4, item_threshold=4).fit(cycle)
    found = np.array(rates)[:, 0]
    first, second = np.split(found, [2 * len(found) // 5])
    assert_allclose(first, expected_rates(len(first), 0.001))
    assert_allclose(second, expected_rates(len(second), 0.001))


def test_each_call_of_partial_fit_has_a_schedule(cycle, rates):
    model = SASRecEstimator(**LINEAR, max_epochs=5)  # of which a call takes one
    for _ in range(2):
        rates.clear()
        model.partial_fit(cycle)
        assert_allclose(np.array(rates)[:, 0], expected_rates(len(rates), 0.001))


def test_a_warm_start_has_a_schedule_of_its_own(cycle, rates):
    model = SASRecEstimator(**LINEAR, max_epochs=2, warm_start=True).fit(cycle)
    rates.clear()
    model.set_params(max_epochs=3).fit(cycle)
    assert_allclose(np.array(rates)[:, 0], expected_rates(len(rates), 0.001))


def test_in_a_stack_the_last_fit_goes_the_first_steps_of_the_schedule(cycle, rates, scripted):
    scripted(0.1, 0.3, 0.2, 0.2)
    options = LINEAR | {"early_stopping": True, "train_on_held_out": True, "max_length": 10}
    network = SASRecEstimator(**options, max_epochs=4)  # reads each history in one window
    members = [("network", network), ("top", PopularityEstimator())]
    stack = StackingRecommender(members, k=2).fit(cycle)
    assert stack.named_estimators_["network"].best_epoch_ == 2
    n_steps = len(rates) // 8  # of an epoch: four watched, two again, and two on all rows
    assert len(rates) == 8 * n_steps
    last = np.array(rates)[6 * n_steps :, 0]
    assert_allclose(last, expected_rates(4 * n_steps, 0.001)[: 2 * n_steps])
