"""What is easily got wrong between fits, files and validation rows."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re
import time

import numpy as np
import pytest
from sklearn.base import clone

from skace import Catalog, Interactions, PopularityEstimator, SASRecEstimator
from skace.item_tables import FrozenTable
from skace.model_selection import leave_last_out

QUICK = {
    "k": 2,
    "batch_size": 16,
    "early_stopping": False,
    "learning_rate": 0.01,
    "max_epochs": 2,
    "n_layers": 1,
    "random_state": 0,
    "device": "cpu",
}
TIMED = Interactions([1, 1, 1, 2, 2, 2], [7, 8, 9, 8, 9, 7], [1, 2, 3, 1, 2, 3])


def make_log(n_items=12, width=8):
    rng = np.random.default_rng(0)
    sequences = [[int((start + step) % 9) for step in range(5)] for start in range(9)]
    catalog = Catalog(np.arange(n_items), rng.normal(size=(n_items, width)).astype(np.float32))
    return Interactions.from_sequences(sequences, catalog=catalog)


def test_validation_rows_of_another_log_are_told_by_user_item_and_time():
    again = Interactions(TIMED.users, TIMED.items, TIMED.timestamps, catalog=TIMED.catalog)
    longer = Interactions.concat([again, Interactions([1], [7], [9])])
    with pytest.raises(ValueError, match=re.escape("X_val shares 6 row(s) with X")):
        PopularityEstimator(k=1).fit(TIMED, X_val=longer)
    PopularityEstimator(k=1).fit(TIMED, X_val=longer[longer.timestamps == 9])


def test_validation_rows_of_other_users_are_not_taken_for_training_rows():
    train = Interactions([1, 1, 1], [1, 2, 3])
    PopularityEstimator(k=1).fit(train, X_val=Interactions([7, 7, 7], [1, 2, 3]))
    with pytest.raises(ValueError, match=re.escape("X_val shares 3 row(s) with X")):
        PopularityEstimator(k=1).fit(train, X_val=Interactions([1, 1, 1], [1, 2, 3]))


def test_an_item_whose_only_row_is_held_out_is_not_pushed_down():
    rng = np.random.default_rng(0)
    catalog = Catalog(np.arange(11), rng.normal(size=(11, 8)))
    sequences = [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 9]]
    X = Interactions.from_sequences(sequences, catalog=catalog)
    model = SASRecEstimator(**(QUICK | {"early_stopping": True, "max_epochs": 6})).fit(X)
    assert model.item_counts_[9] == 1
    assert model.is_cold_[[9, 10]].all()
    expected = catalog.features[[9, 10]].astype(np.float32)
    np.testing.assert_array_equal(model.item_vectors_[[9, 10]], expected)


@pytest.mark.parametrize(
    ("name", "value"), [("n_heads", 4), ("n_layers", 3), ("max_length", 3), ("embedding_dim", 16)]
)
def test_parameters_set_after_the_fit_do_not_change_the_fitted_model(name, value):
    X = make_log()
    model = SASRecEstimator(**QUICK).fit(X)
    expected = model.decision_function(X)
    model.set_params(**{name: value})
    np.testing.assert_array_equal(model.decision_function(X), expected)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.decision_function(X), expected)


@pytest.mark.parametrize(
    ("name", "value", "fitted"),
    [("n_heads", 4, 2), ("n_layers", 3, 1), ("max_length", 10, 50), ("embedding_dim", 16, 8)],
)
def test_a_warm_start_with_another_shape_is_refused(name, value, fitted):
    X = make_log()
    model = SASRecEstimator(**QUICK, warm_start=True).fit(X)
    before = model.item_vectors_.copy()
    text = (
        f"{name}={value}, but the fitted network, which is to be trained on, has "
        f"{name}={fitted}; set it back, or fit anew with warm_start=False."
    )
    for learn in (model.set_params(**{name: value}).fit, model.partial_fit):
        with pytest.raises(ValueError, match=re.escape(text)):
            learn(X)
    np.testing.assert_array_equal(model.item_vectors_, before)


def test_weights_on_first_events_only_are_refused():
    X = make_log()
    text = "sample_weight is 0 for every row that has a past"
    with pytest.raises(ValueError, match=text):
        SASRecEstimator(**QUICK).fit(X, sample_weight=(X._ends == X._starts).astype(float))


def test_a_frame_given_to_partial_fit_is_refused():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1, 2]})
    with pytest.raises(ValueError, match="X is a frame, and a frame that was cut"):
        PopularityEstimator(k=1).partial_fit(frame)


def test_raw_features_of_the_right_width_are_not_taken_for_fitted_ones():
    X = make_log()
    model = SASRecEstimator(**QUICK).fit(X)
    ids = np.append(X.catalog.item_ids, 99)
    new = np.vstack([X.catalog.features, np.ones((1, 8), dtype=np.float32)])
    rows = [[0, 99, 2], [1, 99, 3]]
    known = Interactions.from_sequences(rows, catalog=Catalog(ids, new)).next_queries()
    other = Interactions.from_sequences(rows, catalog=Catalog(ids, -3 * new)).next_queries()
    assert np.isfinite(model.decision_function(known)).all()
    with pytest.raises(ValueError, match="has not been fitted on: 99"):
        model.decision_function(other)


@pytest.mark.parametrize("exclude_seen", ["no", 1])
def test_exclude_seen_must_be_a_bool(exclude_seen):
    model = PopularityEstimator(k=1).fit(TIMED)
    with pytest.raises(TypeError, match="exclude_seen must be a bool or None, got"):
        model.recommend(TIMED, exclude_seen=exclude_seen)


@pytest.mark.parametrize("k", [True, 0, 1.5])
def test_k_of_recommend_must_be_a_count(k):
    with pytest.raises(
        ValueError, match=re.escape(f"k must be an int in the range [1, inf), got {k!r}.")
    ):
        PopularityEstimator(k=1).fit(TIMED).recommend(TIMED, k=k)


@pytest.mark.parametrize("device", ["mps", "meta"])
def test_a_device_that_is_not_supported_is_refused(device):
    text = f"device='{device}' is not supported; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
    with pytest.raises(ValueError, match=re.escape(text)):
        SASRecEstimator(**(QUICK | {"device": device})).fit(make_log())


def test_a_class_in_place_of_an_item_table_is_refused():
    text = "item_table is the class FrozenTable; pass an instance, FrozenTable()."
    with pytest.raises(TypeError, match=re.escape(text)):
        SASRecEstimator(**QUICK, item_table=FrozenTable).fit(make_log())


@pytest.mark.parametrize("sequence", [{1, 2}, {1: 2}])
def test_histories_without_order_are_refused(sequence):
    model = PopularityEstimator(k=1).fit(TIMED)
    with pytest.raises(ValueError, match=re.escape("X[0] is a ") + ".*, which has no order"):
        model.predict([sequence])


def test_epochs_begin_before_they_run():
    begun, ended = [], []

    class Clock:
        """Callback that notes when tasks begin and end."""

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            begun.append((context.task_name, len(getattr(estimator, "loss_curve_", []))))

        def on_fit_task_end(self, estimator, context):
            ended.append((context.task_name, len(estimator.loss_curve_)))

    SASRecEstimator(**QUICK).set_callbacks(Clock()).fit(make_log())
    assert [n for name, n in begun if name == "epoch"] == [0, 1]
    assert [n for name, n in ended if name == "epoch"] == [1, 2]


def test_without_stopping_the_best_epoch_on_validation_rows_is_kept():
    train, val = leave_last_out(make_log())
    model = SASRecEstimator(**(QUICK | {"max_epochs": 5, "learning_rate": 0.3}))
    model.fit(train, X_val=val)
    assert model.n_iter_ == 5
    assert model.best_epoch_ == 1 + int(np.argmax(model.validation_scores_))
    assert model.score(val) == pytest.approx(model.validation_scores_[model.best_epoch_ - 1])


def test_a_forked_child_can_train_while_the_parent_does():
    os = pytest.importorskip("os")
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    from skace._torch import _runtime

    with _runtime._training_lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if _runtime._training_lock.acquire(timeout=5) else 1)
    deadline = time.monotonic() + 20
    status = 0
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_clone_of_a_fitted_model_starts_anew():
    X = make_log()
    model = SASRecEstimator(**QUICK, warm_start=True).fit(X)
    copied = clone(model.set_params(n_layers=2)).fit(X)
    assert copied.architecture_["n_layers"] == 2
