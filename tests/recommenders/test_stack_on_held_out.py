"""Networks in a stack that learn all rows: the last fit takes its epochs from the first."""
# SPDX-License-Identifier: BSD-3-Clause

import logging
import pickle

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skace import ACETransformer
from skace.datasets import make_cycle
from skace.recommenders import (
    MELTEstimator,
    PopularityEstimator,
    SASRecEstimator,
    SeedEnsemble,
    StackingRecommender,
)
from skace.recommenders._holdout import hold_out_last

QUICK = {"k": 2, "n_layers": 1, "max_length": 5, "batch_size": 8, "random_state": 0}
SHORT = QUICK | {"max_epochs": 4}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=30, n_items=9, length=8, n_features=8, random_state=0)


def stack_of(network, **parameters):
    members = [("net", network), ("top", PopularityEstimator())]
    return StackingRecommender(members, k=2, **parameters)


def _rest(X):
    """The rows that are left when a stack has held out some for its weights."""
    held_out = set(hold_out_last(X, 1.0, None, None).tolist())
    return X[[end not in held_out for end in X._ends]]


BEST_AFTER_TWO = (0.1, 0.3, 0.2, 0.2)  # scores of four epochs


def of_all_rows(X, n_epochs):
    return SASRecEstimator(**QUICK, early_stopping=False, max_epochs=n_epochs).fit(X)


def test_the_last_fit_is_one_of_all_rows_with_the_epochs_of_the_first(cycle):
    stack = stack_of(SASRecEstimator(**SHORT, train_on_held_out=True)).fit(cycle)
    network = stack.named_estimators_["net"]
    first = SASRecEstimator(**SHORT).fit(_rest(cycle))
    assert network.best_epoch_ == first.best_epoch_
    assert network.validation_scores_ == first.validation_scores_
    expected = of_all_rows(cycle, first.best_epoch_)
    assert_array_equal(network.item_vectors_, expected.item_vectors_)
    assert network.second_loss_curve_ == expected.loss_curve_


def test_without_the_wish_the_last_fit_searches_anew(cycle):
    network = stack_of(SASRecEstimator(**SHORT)).fit(cycle).named_estimators_["net"]
    expected = SASRecEstimator(**SHORT).fit(cycle)
    assert_array_equal(network.item_vectors_, expected.item_vectors_)


def test_a_second_fit_of_the_stack_is_the_same(cycle):
    stack = stack_of(SASRecEstimator(**SHORT, train_on_held_out=True))
    first = stack.fit(cycle).named_estimators_["net"].item_vectors_
    assert_array_equal(stack.fit(cycle).named_estimators_["net"].item_vectors_, first)


def test_a_fitted_network_fits_other_rows_as_a_new_one_does(cycle):
    """What it took from the stack's first fit is used up."""
    network = SASRecEstimator(**SHORT, train_on_held_out=True)
    used = stack_of(network).fit(cycle).named_estimators_["net"]
    few = cycle[:100]
    assert_array_equal(used.fit(few).item_vectors_, clone(network).fit(few).item_vectors_)


def test_epochs_are_counted_once(cycle, caplog):
    caplog.set_level(logging.INFO, logger="skace")
    network = SASRecEstimator(**SHORT, train_on_held_out=True, verbose=True)
    fitted = stack_of(network).fit(cycle).named_estimators_["net"]
    lines = [record.getMessage() for record in caplog.records if record.name == "skace"]
    on_all = [line for line in lines if "on all rows" in line]
    assert len(lines) - len(on_all) == fitted.n_iter_
    assert len(on_all) == 2 * fitted.best_epoch_


def test_in_pipelines_processes_and_ensembles_it_is_the_same(cycle):
    network = SASRecEstimator(**SHORT, train_on_held_out=True)
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", network)])
    alone = stack_of(pipe).fit(cycle).named_estimators_["net"]
    expected = of_all_rows(ACETransformer(4).fit_transform(cycle), alone[-1].best_epoch_)
    assert_array_equal(alone[-1].item_vectors_, expected.item_vectors_)
    first = clone(pipe).fit(_rest(cycle))
    assert alone[-1].validation_scores_ == first[-1].validation_scores_
    beside = stack_of(pipe, n_jobs=2).fit(cycle).named_estimators_["net"]
    # A process may have another number of threads, which round otherwise.
    assert_allclose(beside[-1].item_vectors_, expected.item_vectors_, atol=1e-4)

    seeds = SeedEnsemble(clone(network), n_members=2, k=2, random_state=0)
    firsts = clone(seeds).fit(_rest(cycle)).estimators_
    members = stack_of(seeds).fit(cycle).named_estimators_["net"].estimators_
    for first, member in zip(firsts, members, strict=True):
        assert member.validation_scores_ == first.validation_scores_
        expected = SASRecEstimator(
            **(QUICK | {"random_state": member.random_state, "early_stopping": False}),
            max_epochs=member.best_epoch_,
        )
        assert_array_equal(member.item_vectors_, expected.fit(cycle).item_vectors_)


def test_snapshots_are_taken_in_both_fits(cycle, scripted):
    scores = scripted(*4 * BEST_AFTER_TWO)  # of two networks in two fits
    network = SASRecEstimator(**SHORT, train_on_held_out=True)
    seeds = SeedEnsemble(network, n_members=2, snapshots=2, random_state=0)
    fitted = stack_of(seeds).fit(cycle).named_estimators_["net"]
    assert next(scores, None) is None
    assert len(fitted.estimators_) == 4
    one, other = (member.item_vectors_ for member in fitted.estimators_[:2])
    assert (one != other).any()


def test_a_frozen_network_in_a_pipeline_keeps_what_it_is(cycle):
    network = SASRecEstimator(**SHORT, train_on_held_out=True).fit(cycle)
    stack_of(Pipeline([("rec", FrozenEstimator(network))])).fit(cycle)
    few = cycle[:100]
    expected = clone(network).fit(few)
    assert_array_equal(network.fit(few).item_vectors_, expected.item_vectors_)


@pytest.mark.filterwarnings("ignore:there are no head:UserWarning")
def test_both_parts_of_melt_keep_their_epochs(cycle):
    network = SASRecEstimator(**SHORT, train_on_held_out=True)
    melt = MELTEstimator(network, k=2, max_epochs=3)
    fitted = stack_of(melt).fit(cycle).named_estimators_["net"]
    first = clone(melt).fit(_rest(cycle))
    for name in ("n_pretraining_iter_", "best_epoch_", "validation_scores_", "loss_curve_"):
        assert getattr(fitted, name) == getattr(first, name)
    assert (fitted.item_vectors_ != first.item_vectors_).any()


class Notes:
    """Callback that notes, for all its copies, what has begun; it may stop a task."""

    def __init__(self, begun, stop_at=None):
        self.begun, self.stop_at, self.n_parts = begun, stop_at, []

    def __deepcopy__(self, memo):
        return self

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):  # noqa: ARG002 - the protocol
        self.begun.append(context.task_name)
        if context.task_name == "fit":
            self.n_parts.append(context.max_subtasks)

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002
        return context.task_name == "epoch" and len(self.begun) == self.stop_at


def test_callbacks_see_one_training_in_the_last_fit(cycle):
    notes = Notes(begun := [])
    network = SASRecEstimator(**SHORT, train_on_held_out=True).set_callbacks(notes)
    fitted = stack_of(network).fit(cycle).named_estimators_["net"]
    epochs = ["epoch"] * fitted.best_epoch_
    first = ["fit", "training", *["epoch"] * fitted.n_iter_, "training", *epochs]
    assert begun == [*first, "fit", "training", *epochs]
    assert notes.n_parts == [2, 1]


def test_a_callback_that_stops_the_last_training_is_told_of(cycle, scripted):
    scripted(*2 * BEST_AFTER_TWO)  # of two first fits
    begun = []
    network = SASRecEstimator(**SHORT, train_on_held_out=True).set_callbacks(Notes(begun))
    stack = stack_of(network).fit(cycle)
    assert stack.named_estimators_["net"].best_epoch_ == 2
    n_before_last = len(begun) - stack.named_estimators_["net"].best_epoch_
    begun.clear()
    stack.set_params(net=clone(network).set_callbacks(Notes(begun, n_before_last + 1)))
    with pytest.warns(UserWarning, match=r"stopped the training on all rows after 1 of 2 epoch"):
        stack.fit(cycle)
    assert len(stack.named_estimators_["net"].second_loss_curve_) == 1


def test_a_fitted_stack_is_kept_in_a_file(cycle):
    stack = stack_of(SASRecEstimator(**SHORT, train_on_held_out=True)).fit(cycle)
    again = pickle.loads(pickle.dumps(stack))
    assert_array_equal(again.predict([[1, 2]]), stack.predict([[1, 2]]))
