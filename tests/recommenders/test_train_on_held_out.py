"""A second training, on all rows: what it learns, what it tells, and when it is refused."""
# SPDX-License-Identifier: BSD-3-Clause

import copy
import logging
import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, Interactions, LeaveLastOut, leave_last_out, ndcg_scorer
from skace.datasets import make_cycle
from skace.item_tables import IDTable
from skace.losses import BCE
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    MELTEstimator,
    SASRecEstimator,
)

QUICK = {
    "k": 2,
    "n_layers": 1,
    "max_length": 5,
    "max_epochs": 4,
    "batch_size": 8,
    "random_state": 0,
}
BACKBONES = [
    SASRecEstimator,
    GRU4RecEstimator,
    *(pytest.param(cls, marks=pytest.mark.minutes) for cls in (BERT4RecEstimator, FMLPEstimator)),
]
FIRST = ("best_epoch_", "n_iter_", "loss_curve_", "validation_scores_")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)


def twice(cls=SASRecEstimator, **parameters):
    return cls(**(QUICK | {"train_on_held_out": True} | parameters))


def assert_same_state(one, other):
    for name in ("encoder_state_", "item_table_state_"):
        mine, yours = getattr(one, name), getattr(other, name)
        assert mine.keys() == yours.keys()
        for key, value in mine.items():
            assert_array_equal(value, yours[key])
    assert_array_equal(one.item_vectors_, other.item_vectors_)
    assert_array_equal(one.is_cold_, other.is_cold_)


@pytest.mark.parametrize("cls", BACKBONES)
def test_it_is_the_fit_of_as_many_epochs_without_early_stopping(cycle, cls, scripted):
    scripted(0.1, 0.3, 0.2, 0.2)
    weights = np.random.default_rng(0).uniform(0.5, 2, size=len(cycle))
    model = twice(cls).fit(cycle, sample_weight=weights)
    assert model.best_epoch_ == 2
    other = cls(**QUICK).set_params(early_stopping=False, max_epochs=2)
    other.fit(cycle, sample_weight=weights)
    assert_same_state(model, other)
    assert model.second_loss_curve_ == other.loss_curve_


@pytest.mark.parametrize(
    "parameters",
    [
        {"validation_fraction": 0.4},
        {"loss": BCE(3, draw="popularity")},
        {"item_table": IDTable()},
        {"random_state": np.random.RandomState(3)},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_it_draws_what_a_fit_of_all_rows_draws(cycle, parameters):
    given = copy.deepcopy(parameters)  # a RandomState goes on when it is used
    model = twice(**parameters).fit(cycle)
    other = SASRecEstimator(
        **(QUICK | given | {"early_stopping": False, "max_epochs": model.best_epoch_})
    )
    assert_same_state(model, other.fit(cycle))


def test_figures_are_those_of_the_training_that_was_watched(cycle):
    model, first = twice().fit(cycle), SASRecEstimator(**QUICK).fit(cycle)
    for name in FIRST:
        assert getattr(model, name) == getattr(first, name)
    assert len(model.second_loss_curve_) == model.best_epoch_
    assert not hasattr(first, "second_loss_curve_")
    assert (model.item_vectors_ != first.item_vectors_).any()


def test_items_of_held_out_rows_are_learned():
    """The last event of a user is the only one of its item."""
    X = Interactions.from_sequences([[0, 1, 2, 3]] * 6 + [[1, 2, 3, 7]])
    model, first = twice(embedding_dim=8).fit(X), SASRecEstimator(embedding_dim=8, **QUICK).fit(X)
    new = X.catalog.item_ids.tolist().index(7)
    assert (first.is_cold_[new], model.is_cold_[new]) == (True, False)
    assert np.isneginf(first.decision_function([[1, 2]])[0, new])
    assert np.isfinite(model.decision_function([[1, 2]])).all()


@pytest.mark.minutes
def test_same_seed_gives_the_same_bits(cycle):
    assert_same_state(twice().fit(cycle), twice().fit(cycle))
    assert (
        twice().fit(cycle).item_vectors_ != twice(random_state=1).fit(cycle).item_vectors_
    ).any()


@pytest.mark.minutes
def test_fits_of_every_slice_are_those_of_its_rows(cycle):
    train, _ = leave_last_out(cycle)
    written_down = Interactions(train.users, train.items, train.timestamps, catalog=train.catalog)
    assert_same_state(twice().fit(train), twice().fit(written_down))


def test_rows_of_weight_0_are_not_learned(cycle):
    weights = np.ones(len(cycle))
    weights[leave_last_out(cycle)[1]._ends] = 0
    model = twice().fit(cycle, sample_weight=weights)
    apart = twice().fit(cycle[weights > 0])
    assert_same_state(model, apart)
    assert model.second_loss_curve_ == apart.second_loss_curve_


def test_a_warm_start_is_the_start_of_both_trainings(cycle):
    start = SASRecEstimator(warm_start=True, **QUICK).fit(cycle)
    model, other = copy.deepcopy(start), copy.deepcopy(start)
    model.set_params(train_on_held_out=True).fit(cycle)
    other.set_params(early_stopping=False, max_epochs=model.best_epoch_).fit(cycle)
    assert_same_state(model, other)
    assert_array_equal(model.item_counts_, other.item_counts_)


def test_partial_fit_takes_its_one_pass(cycle):
    train, test = leave_last_out(cycle)
    model = twice().fit(train)
    other = copy.deepcopy(model).set_params(train_on_held_out=False)
    assert_same_state(model.partial_fit(test), other.partial_fit(test))
    assert not hasattr(model, "second_loss_curve_")
    assert model.n_iter_ == 1


def test_it_works_in_pipelines_and_grids(cycle):
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", twice(max_epochs=2))])
    search = GridSearchCV(
        pipe,
        {"rec__train_on_held_out": [False, True]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(),
        error_score="raise",
    ).fit(cycle)
    assert len(search.cv_results_["params"]) == 2
    alone = clone(pipe).fit(cycle)["rec"]
    assert len(alone.second_loss_curve_) == alone.best_epoch_


def test_copies_of_files_answer_alike(cycle):
    model = twice().fit(cycle)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.decision_function(cycle), model.decision_function(cycle))
    assert again.second_loss_curve_ == model.second_loss_curve_


# MELT trains in two parts.


@pytest.fixture(scope="module")
def uneven(cycle):
    """Users of unequal length, and items of unequal frequency."""
    X = cycle[np.setdiff1d(np.arange(len(cycle)), [7, 14, 15, 22, 23])]
    return Interactions(X.users, X.items, X.timestamps, catalog=X.catalog)


def melt(**parameters):
    backbone = SASRecEstimator(**(QUICK | {"max_epochs": 2, "item_table": IDTable()} | parameters))
    quantiles = {"user_quantile": 0.6, "item_quantile": 0.5}
    return MELTEstimator(backbone, k=2, max_epochs=3, **quantiles)


@pytest.mark.minutes
def test_melt_repeats_both_of_its_trainings(uneven, scripted):
    scripted(0.1, 0.2, 0.1, 0.3, 0.4)
    model = melt(train_on_held_out=True).fit(uneven)
    assert (model.n_pretraining_iter_, model.n_iter_, model.best_epoch_) == (2, 3, 3)
    other = melt(early_stopping=False).fit(uneven)
    assert_same_state(model, other)
    assert model.user_threshold_ == other.user_threshold_
    assert model.second_loss_curve_ == other.loss_curve_


def test_the_curriculum_of_melt_is_as_long_as_before(uneven, scripted):
    """One epoch of three is not all of a curriculum of one epoch."""
    scripted(0.1, 0.2, 0.3, 0.2, 0.2)
    model = melt(train_on_held_out=True).fit(uneven)
    assert (model.best_epoch_, len(model.second_loss_curve_)) == (1, 1)
    spread = melt(early_stopping=False).set_callbacks(StopAfter(3)).fit(uneven)
    assert spread.n_iter_ == 1
    assert_same_state(model, spread)
    short = melt(early_stopping=False).set_params(max_epochs=1).fit(uneven)
    assert (model.item_vectors_ != short.item_vectors_).any()


def test_melt_may_be_its_backbone_alone(uneven, scripted):
    scripted(0.1, 0.2, 0.1, 0.1, 0.1)
    watcher = Watcher()
    model = melt(train_on_held_out=True).set_callbacks(watcher).fit(uneven)
    assert (model.best_epoch_, model.second_loss_curve_, model.user_threshold_) == (0, [], 1)
    n_epochs = [call[:2] for call in watcher.calls].count(("end", "epoch"))
    assert n_epochs == 2 + 3 + 2  # the backbone, the joint training, the backbone again


# Callbacks and lines.


class Watcher:
    """Callback that notes what it is told, and may say stop once."""

    def __init__(self, stop_at=None):
        self.calls = []
        self.stop_at = stop_at

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):  # noqa: ARG002 - the protocol
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002
        self.calls.append(("end", context.task_name, context.task_id))
        ended = [call[1:] for call in self.calls if call[0] == "end"]
        return len(ended) == self.stop_at


class StopAfter(Watcher):
    """Callback that stops after a number of epochs of all trainings."""

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        n_epochs = sum(call[:2] == ("end", "epoch") for call in self.calls)
        return n_epochs == self.stop_at and context.task_name == "epoch"


def test_callbacks_are_told_of_both_trainings(cycle, scripted):
    scripted(0.1, 0.3, 0.2, 0.2)
    watcher = Watcher()
    twice().set_callbacks(watcher).fit(cycle)
    epochs = [[(what, "epoch", n) for n in range(k) for what in ("begin", "end")] for k in (4, 2)]
    assert watcher.calls == [
        ("begin", "fit", 0),
        ("begin", "training", 0),
        *epochs[0],
        ("end", "training", 0),
        ("begin", "training", 1),
        *epochs[1],
        ("end", "training", 1),
        ("end", "fit", 0),
    ]


def test_a_first_training_that_was_stopped_is_followed_by_the_second(cycle):
    model = twice().set_callbacks(StopAfter(2)).fit(cycle)
    assert model.n_iter_ == 2
    assert len(model.second_loss_curve_) == model.best_epoch_


@pytest.mark.parametrize(
    ("n_ended", "n_learned"), [(5, 0), (6, 1)], ids=["between them", "in the second"]
)
def test_a_second_training_that_was_stopped_leaves_the_first(cycle, scripted, n_ended, n_learned):
    scripted(0.1, 0.3, 0.2, 0.2)
    model = twice().set_callbacks(Watcher(stop_at=n_ended))
    text = (
        f"a callback stopped the second training after {n_learned} of 2 epoch(s); the model is "
        "that of the first one, which has not learned the held-out rows."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        model.fit(cycle)
    scripted(0.1, 0.3, 0.2, 0.2)
    assert_same_state(model, SASRecEstimator(**QUICK).fit(cycle))
    assert not hasattr(model, "second_loss_curve_")
    assert model.best_epoch_ == 2


def test_lines_tell_the_trainings_apart(cycle, caplog):
    caplog.set_level(logging.INFO, logger="skace")
    model = twice(verbose=True).fit(cycle)
    lines = [record.getMessage() for record in caplog.records if record.name == "skace"]
    assert len(lines) == model.n_iter_ + model.best_epoch_
    assert lines[model.n_iter_] == (
        f"SASRecEstimator on all rows epoch 1: loss {model.second_loss_curve_[0]:.4f}"
    )


# Refusals.

START = (
    "train_on_held_out=True trains once more with the rows that early stopping has held out, but "
)
END = ", or set train_on_held_out=False."


@pytest.mark.parametrize("cls", BACKBONES)
@pytest.mark.parametrize(
    ("parameters", "watched", "found"),
    [
        (
            {"early_stopping": False},
            False,
            "early_stopping=False holds out none; set early_stopping=True",
        ),
        ({}, True, "with X_val none are held out; leave X_val out and its rows in X"),
    ],
    ids=["no early stopping", "X_val"],
)
def test_it_is_refused_where_nothing_is_held_out(cycle, cls, parameters, watched, found):
    train, test = leave_last_out(cycle)
    model = twice(cls, **parameters)
    with pytest.raises(ValueError, match=f"^{re.escape(START + found + END)}$"):
        model.fit(train, X_val=test if watched else None)
    assert not hasattr(model, "item_ids_")


def test_it_is_refused_where_no_user_has_two_rows(cycle):
    X = cycle[np.unique(cycle.users, return_index=True)[1] + 3]
    found = "no user has two rows of which one could be held out; give more rows"
    with pytest.raises(ValueError, match=f"^{re.escape(START + found + END)}$"):
        twice().fit(X)


def test_melt_refuses_it_for_its_backbone(cycle):
    with pytest.raises(ValueError, match="early_stopping=False holds out none"):
        melt(early_stopping=False, train_on_held_out=True).fit(cycle)


def test_only_a_bool_will_do(cycle):
    with pytest.raises(ValueError, match="'train_on_held_out' parameter of SASRecEstimator"):
        twice(train_on_held_out="yes").fit(cycle)


def test_without_anything_to_watch_patience_ends_nothing():
    """Early stopping that finds nobody to hold out trains for max_epochs."""
    X = make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)
    X = X[np.unique(X.users, return_index=True)[1] + 3]
    model = SASRecEstimator(**QUICK, n_iter_no_change=1)
    with pytest.warns(UserWarning, match="training for max_epochs"):
        model.fit(X)
    assert model.n_iter_ == model.best_epoch_ == QUICK["max_epochs"]


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_both_trainings_start_alike(monkeypatch, fraction):
    X = make_cycle(n_users=20, n_items=6, length=6, random_state=0)
    starts, build = [], SASRecEstimator._build_network

    def remember(self, *arguments):
        network = build(self, *arguments)
        starts.append({n: value.clone() for n, value in network.state_dict().items()})
        return network

    monkeypatch.setattr(SASRecEstimator, "_build_network", remember)
    SASRecEstimator(
        k=1, embedding_dim=8, n_layers=1, n_heads=1, max_epochs=2, train_on_held_out=True,
        validation_fraction=fraction, random_state=0,
    ).fit(X)  # fmt: skip
    first, second = starts
    drawn = [n for n in first if first[n].is_floating_point() and first[n].numel() > 1]
    assert drawn
    assert all((first[n] == second[n]).all() for n in drawn)
