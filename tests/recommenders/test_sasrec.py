"""SASRecEstimator: parameters that matter, the rows it watches, what it learns."""
# SPDX-License-Identifier: BSD-3-Clause

import inspect

import numpy as np
import pytest

from skace import Catalog, Interactions, SASRecEstimator, leave_last_out
from skace.datasets import make_cycle
from skace.item_tables import FrozenTable, TrainableTable
from skace.metrics import ndcg_at_k
from skace.recommenders._holdout import hold_out_last

QUICK = {
    "k": 2,
    "n_layers": 1,
    "n_heads": 2,
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


@pytest.fixture(scope="module")
def base(cycle):
    return SASRecEstimator(**QUICK).fit(cycle)


MATTERS = {
    "max_length": 3,
    "long_sequences": "truncate",
    "n_layers": 2,
    "n_heads": 4,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "loss": "sampled_softmax",
    "max_epochs": 4,
    "batch_size": 3,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "early_stopping": True,
    "item_table": FrozenTable(),
    "precision": "bfloat16",
    "random_state": 1,
}
MATTERS_BESIDE = {
    "n_negatives": ({"loss": "sampled_softmax"}, 3),
    "n_iter_no_change": ({"early_stopping": True, "max_epochs": 9, "learning_rate": 1e-9}, 1),
    "validation_fraction": ({"early_stopping": True}, 0.3),
}
DOES_NOT_MATTER_FOR_SCORES = {
    "k": 3,
    "exclude_seen": True,
    "handle_unknown": "ignore",
    "embedding_dim": 8,  # of the width of the features, or an error
    "device": "cpu",
    "warm_start": True,
    "verbose": False,
}


def test_every_parameter_is_tried():
    tried = MATTERS.keys() | MATTERS_BESIDE.keys() | DOES_NOT_MATTER_FOR_SCORES.keys()
    assert tried == SASRecEstimator().get_params(deep=False).keys()


def vectors(X, **parameters):
    return SASRecEstimator(**(QUICK | parameters)).fit(X).encode(X[3:9])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MATTERS)
def test_parameter_changes_the_model(cycle, base, name):
    changed = vectors(cycle, **{name: MATTERS[name]})
    assert np.abs(changed - base.encode(cycle[3:9])).max() > 1e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MATTERS_BESIDE)
def test_parameter_changes_the_model_beside_another(cycle, name):
    beside, value = MATTERS_BESIDE[name]
    one = SASRecEstimator(**(QUICK | beside)).fit(cycle)
    other = SASRecEstimator(**(QUICK | beside | {name: value})).fit(cycle)
    if name == "n_iter_no_change":
        assert other.n_iter_ < one.n_iter_
    else:
        assert np.abs(other.encode(cycle[3:9]) - one.encode(cycle[3:9])).max() > 1e-6


@pytest.mark.parametrize("name", DOES_NOT_MATTER_FOR_SCORES)
def test_parameter_leaves_the_model_alone(cycle, base, name):
    same = vectors(cycle, **{name: DOES_NOT_MATTER_FOR_SCORES[name]})
    np.testing.assert_array_equal(same, base.encode(cycle[3:9]))


@pytest.mark.parametrize("name", ["embedding_dim", "item_table"])
def test_parameters_that_matter_without_features(cycle, name):
    X = Interactions(cycle.users, cycle.items, cycle.timestamps)
    parameters = {"embedding_dim": 8, "item_table": TrainableTable(init_std=0.5)}
    model = SASRecEstimator(**(QUICK | {"embedding_dim": 4, name: parameters[name]})).fit(X)
    if name == "embedding_dim":
        assert model.item_vectors_.shape == (7, 8)
    else:
        assert model.item_vectors_.std() > 0.2


def test_constructor_keeps_the_habits_of_the_house():
    parameters = list(inspect.signature(SASRecEstimator).parameters.values())
    assert parameters[0].name == "k"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[1:])
    assert len(parameters) <= 25


@pytest.mark.parametrize(("fraction", "n_held_out"), [(1.0, 3), (0.7, 2), (0.34, 1), (0.01, 1)])
def test_the_last_rows_of_some_users_are_held_out(small_log, fraction, n_held_out):
    held_out = hold_out_last(small_log, fraction, np.random.RandomState(0))
    assert len(held_out) == n_held_out
    assert set(held_out) <= {3, 6, 8}  # u4 has a single row, which stays


@pytest.mark.parametrize("rows", [[0, 1, 2, 4, 9], [2, 1, 0, 0, 4, 9, 1]])
def test_only_rows_are_held_out_and_repeats_count_once(small_log, rows):
    assert hold_out_last(small_log[rows], 1.0, np.random.RandomState(0)).tolist() == [2]


def test_early_stopping_watches_the_last_row_of_each_user(cycle, monkeypatch):
    watched, ranks = [], SASRecEstimator._ranks

    def remember(self, X, exclude_seen=None, **options):
        watched.append(X)
        return ranks(self, X, exclude_seen, **options)

    monkeypatch.setattr(SASRecEstimator, "_ranks", remember)
    model = SASRecEstimator(**(QUICK | {"early_stopping": True, "n_iter_no_change": 1}))
    model.set_params(max_epochs=20, learning_rate=1e-9).fit(cycle)
    _, last = leave_last_out(cycle)
    assert len(watched) == model.n_iter_
    for X in watched:
        np.testing.assert_array_equal(X.source_rows, last.source_rows)
    score = ndcg_at_k(model.target_ranks(last), 10)
    assert model.validation_scores_[model.best_epoch_ - 1] == pytest.approx(score, abs=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_held_out_rows_are_not_learned_from(cycle):
    X, last = leave_last_out(cycle)
    parameters = QUICK | {"early_stopping": True}
    model = SASRecEstimator(**parameters).fit(cycle)
    apart = SASRecEstimator(**parameters).fit(X, X_val=last)
    assert model.loss_curve_ == apart.loss_curve_
    assert model.validation_scores_ == apart.validation_scores_
    np.testing.assert_array_equal(model.item_vectors_, apart.item_vectors_)


def test_unknown_items_of_a_past_are_read_and_need_no_masking(cycle, base):
    ids = np.append(cycle.catalog.item_ids, 99)
    features = np.concatenate([cycle.catalog.features, np.ones((1, 8))])
    sequences = [[1, 99, 2], [99]]
    X = Interactions.from_sequences(sequences, catalog=Catalog(ids, features)).next_queries()
    scores = base.decision_function(X)
    known = base.decision_function([[1, 2], []])
    assert np.abs(scores - known).min(axis=1).max() > 0
    lists, masked = base.recommend(X, k=7, exclude_seen=True)
    assert np.isneginf(masked).sum(axis=1).tolist() == [2, 0]
    assert set(lists[0][-2:]) == {1, 2}


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_rows_take_the_place_of_held_out_ones(cycle, early_stopping):
    X, X_val = leave_last_out(cycle)
    parameters = QUICK | {"early_stopping": early_stopping, "learning_rate": 1e-9}
    model = SASRecEstimator(**parameters).fit(X, X_val=X_val)
    score = ndcg_at_k(model.target_ranks(X_val), 10)
    assert model.validation_scores_[model.best_epoch_ - 1] == pytest.approx(score, abs=1e-9)
    alone = SASRecEstimator(**(QUICK | {"learning_rate": 1e-9})).fit(X)
    # Nothing is held out, so both learn from the same rows.
    assert model.loss_curve_[0] == alone.loss_curve_[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("features", [None, 3], ids=["no features", "untransformed"])
def test_validation_rows_may_come_from_another_log_and_untransformed(cycle, features):
    X, X_val = leave_last_out(cycle)
    ids = cycle.catalog.item_ids[::-1]
    other = Catalog(ids, None if features is None else np.ones((ids.size, features)))
    apart = Interactions(cycle.users, cycle.items, cycle.timestamps, catalog=other)
    parameters = QUICK | {"early_stopping": True}
    expected = SASRecEstimator(**parameters).fit(X, X_val=X_val).validation_scores_
    X_val = leave_last_out(apart)[1]
    model = SASRecEstimator(**parameters).fit(X, X_val=X_val)
    np.testing.assert_allclose(model.validation_scores_, expected)


def test_users_of_one_row_cannot_be_held_out():
    X = Interactions.from_sequences([["a", "b"], ["b", "c"], ["c", "a"]])[[1, 3, 5]]
    model = SASRecEstimator(**(QUICK | {"early_stopping": True, "embedding_dim": 8}))
    with pytest.warns(UserWarning, match=r"^early_stopping finds no user with two rows"):
        model.fit(X)
    assert model.n_iter_ == QUICK["max_epochs"]


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax"])
def test_the_loss_falls(cycle, loss):
    parameters = QUICK | {"loss": loss, "max_epochs": 15, "learning_rate": 0.01}
    curve = SASRecEstimator(**parameters).fit(cycle).loss_curve_
    assert curve[-1] < 0.7 * curve[0]


def test_an_untrained_model_costs_the_logarithm_of_the_number_of_items(cycle):
    X = Interactions(cycle.users, cycle.items, cycle.timestamps)
    parameters = QUICK | {"max_epochs": 1, "learning_rate": 1e-9, "embedding_dim": 8}
    model = SASRecEstimator(item_table=TrainableTable(init_std=1e-6), **parameters).fit(X)
    assert model.loss_curve_[0] == pytest.approx(np.log(7), rel=1e-5)


def test_state_is_numpy_and_plain_values(base):
    learned = {name: value for name, value in vars(base).items() if name.endswith("_")}
    assert {type(value) for value in learned.values()} == {np.ndarray, dict, int, list}
    assert {type(v) for v in base.encoder_state_.values()} == {np.ndarray}
    assert {type(v) for v in base.loss_curve_} == {float}
    assert base.item_vectors_.dtype == np.float32
    assert base.item_vectors_ is base.item_table_state_["weight"]
