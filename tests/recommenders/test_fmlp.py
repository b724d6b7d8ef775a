"""FMLPEstimator: a window for each row, and answers that padding does not change."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace._torch.training._trainer import Trainer
from skace.datasets import make_cycle
from skace.objectives import LastItem
from skace.recommenders import FMLPEstimator

QUICK = {
    "k": 2,
    "n_layers": 1,
    "max_length": 5,
    "max_epochs": 1,
    "batch_size": 8,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def cycle():
    """Twelve walks of 9 steps around 7 items."""
    return make_cycle(n_users=12, n_items=7, length=9, n_features=8, random_state=0)


def bounds(windows):
    return list(zip(windows.starts, windows.lengths, windows.first_targets, strict=True))


def test_a_window_for_each_row_ends_before_it(small_log):
    is_row = np.ones(10, dtype=bool)
    windows = LastItem().windows(is_row, small_log._log.offsets, 3, overlap=True)
    assert bounds(windows) == [
        (0, 1, 1),
        (0, 2, 2),
        (0, 3, 3),
        (4, 1, 5),
        (4, 2, 6),
        (7, 1, 8),
    ]


def test_windows_for_each_row_leave_out_other_events(small_log):
    is_row = np.isin(np.arange(10), [1, 3, 6])
    windows = LastItem().windows(is_row, small_log._log.offsets, 2, overlap=True)
    assert bounds(windows) == [(1, 2, 3), (0, 1, 1), (4, 2, 6)]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 6))
def test_windows_for_each_row_learn_the_same_rows(is_row, max_length):
    is_row = np.array(is_row)
    offsets = np.array([0, is_row.size])
    single = LastItem().windows(is_row, offsets, max_length, overlap=True)
    assert sorted(single.first_targets) == (1 + np.flatnonzero(is_row[1:])).tolist()
    np.testing.assert_array_equal(single.starts + single.lengths, single.first_targets)
    assert (single.lengths <= max_length).all()
    # At least half a window of past where there is one.
    least = np.minimum(single.first_targets, (max_length + 1) // 2)
    assert (single.lengths >= least).all()


@pytest.mark.parametrize(("long_sequences", "n_rows"), [("overlap", 12 * 8), ("truncate", 12 * 5)])
def test_only_the_last_position_of_a_window_is_learned_from(
    cycle, long_sequences, n_rows, monkeypatch
):
    places, step = [], Trainer.step

    def remember(trainer, batch):
        row, place = np.nonzero(batch.weights.numpy())
        assert row.tolist() == list(range(len(batch.items)))
        places.append(place - batch.context["lengths"].numpy() + 1)
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "step", remember)
    FMLPEstimator(long_sequences=long_sequences, **QUICK).fit(cycle)
    places = np.concatenate(places)
    assert not places.any()
    assert places.size == n_rows


@pytest.mark.parametrize("history", [[3], [1, 2], [4, 5, 6, 0, 1, 2, 3, 4]])
def test_a_history_is_answered_alike_alone_and_beside_others(cycle, history):
    model = FMLPEstimator(**(QUICK | {"max_epochs": 5, "learning_rate": 0.01})).fit(cycle)
    alone = model.decision_function([history])[0]
    together = model.decision_function([[6, 0, 1, 2, 3], [5], history])
    np.testing.assert_allclose(together[2], alone, rtol=1e-5, atol=1e-6)


def test_spectra_are_kept_as_real_numbers(cycle):
    state = FMLPEstimator(**QUICK).fit(cycle).encoder_state_
    # Half of the spectrum of 5 positions, for each of 8 columns, real and imaginary part.
    assert state["blocks.0.spectrum"].shape == (3, 8, 2)
    assert state["blocks.0.spectrum"].dtype == np.float32
