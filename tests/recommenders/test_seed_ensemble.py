"""SeedEnsemble: seeds, snapshots, and what is refused."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, SASRecEstimator, leave_last_out, ndcg_scorer
from skace.datasets import make_cycle
from skace.recommenders import (
    BERT4RecEstimator,
    EASEEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    MELTEstimator,
    PopularityEstimator,
    SeedEnsemble,
    StackingRecommender,
    VotingRecommender,
)

QUICK = {"k": 2, "n_layers": 1, "max_length": 5, "max_epochs": 4, "batch_size": 8}
QUIET = {"early_stopping": False}
BACKBONES = [
    SASRecEstimator,
    *(
        pytest.param(cls, marks=pytest.mark.minutes)
        for cls in (GRU4RecEstimator, BERT4RecEstimator, FMLPEstimator)
    ),
]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cycle():
    return make_cycle(n_users=12, n_items=9, length=8, n_features=8, random_state=0)


def ensemble(network=None, **parameters):
    network = SASRecEstimator(**QUICK, **QUIET) if network is None else network
    return SeedEnsemble(network, **({"n_members": 2, "k": 2, "random_state": 0} | parameters))


def z_scores(scores):
    scores = scores.astype(np.float64)
    return (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)


def test_scores_are_the_mean_of_those_of_its_seeds(cycle):
    model = ensemble(n_members=3).fit(cycle)
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=3)
    alone = [SASRecEstimator(**QUICK, **QUIET, random_state=int(s)).fit(cycle) for s in seeds]
    rows = cycle[cycle._ends > cycle._starts]
    expected = np.mean([z_scores(m.decision_function(rows)) for m in alone], axis=0)
    assert_allclose(model.decision_function(rows), expected, atol=1e-5)
    assert_allclose(model.weights_, [1 / 3] * 3)
    assert len(np.unique(seeds)) == 3


def test_same_seed_gives_the_same_bits_and_another_one_others(cycle):
    scores = [ensemble(random_state=seed).fit(cycle).decision_function(cycle) for seed in (0, 0, 1)]
    assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()


@pytest.mark.minutes
def test_a_random_state_goes_on(cycle):
    """A generator that is given is drawn from, and two fits from it differ."""
    rng = np.random.RandomState(0)
    one, two = (ensemble(random_state=rng).fit(cycle).decision_function(cycle) for _ in range(2))
    assert_array_equal(one, ensemble(random_state=0).fit(cycle).decision_function(cycle))
    assert (one != two).any()


@pytest.mark.minutes
@pytest.mark.parametrize("snapshots", [1, 2])
def test_processes_change_nothing(cycle, snapshots):
    one, two = (ensemble(n_jobs=n, snapshots=snapshots).fit(cycle) for n in (1, 2))
    assert len(two.estimators_) == 2 * snapshots
    assert_array_equal(one.decision_function(cycle), two.decision_function(cycle))


def test_seeds_reach_every_step(cycle):
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", SASRecEstimator(**QUICK, **QUIET))])
    model = ensemble(pipe).fit(cycle)
    seeds = {
        (p["ace"].random_state, p["rec"].random_state, i) for i, p in enumerate(model.estimators_)
    }
    assert len({seed for *both, _ in seeds for seed in both}) == 4
    within = Pipeline([("ace", ACETransformer(4)), ("rec", ensemble())]).fit(cycle)
    assert within.predict(cycle).shape == (len(cycle), 2)


def test_weights_of_rows_and_validation_rows_reach_the_members(cycle):
    train, test = leave_last_out(cycle)
    weights = np.random.default_rng(0).uniform(0.5, 2, size=len(train))
    model = ensemble(SASRecEstimator(**QUICK), n_members=1)
    member = model.fit(train, sample_weight=weights, X_val=test).estimators_[0]
    alone = SASRecEstimator(**QUICK, random_state=member.random_state)
    alone.fit(train, sample_weight=weights, X_val=test)
    assert_array_equal(member.item_vectors_, alone.item_vectors_)
    assert member.validation_scores_ == alone.validation_scores_


def test_partial_fit_lets_every_member_learn(cycle):
    train, test = leave_last_out(cycle)
    model = ensemble(snapshots=2).fit(train)
    before = [one.item_vectors_.copy() for one in model.estimators_]
    model.partial_fit(test)
    for one, old in zip(model.estimators_, before, strict=True):
        assert (one.item_vectors_ != old).any()
        assert_array_equal(one.item_counts_, model.item_counts_)


@pytest.mark.minutes
def test_it_is_searched_and_kept(cycle):
    search = GridSearchCV(
        ensemble(),
        {"n_members": [1, 2], "estimator__learning_rate": [0.01]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(),
        error_score="raise",
    ).fit(cycle)
    model = search.best_estimator_
    assert model.estimators_[0].learning_rate == 0.01
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.decision_function(cycle), model.decision_function(cycle))


# Snapshots.


def states_after(cls, cycle, seed, epochs, **parameters):
    """Vectors that shorter trainings end with."""
    fits = [cls(**(QUICK | QUIET | parameters | {"max_epochs": n})) for n in epochs]
    return [fit.set_params(random_state=seed).fit(cycle).item_vectors_ for fit in fits]


@pytest.mark.parametrize("cls", BACKBONES)
def test_where_nothing_is_watched_the_last_epochs_are_kept(cycle, cls):
    model = ensemble(cls(**QUICK, **QUIET), n_members=1, snapshots=2).fit(cycle)
    seed = model.estimators_[0].random_state
    expected = states_after(cls, cycle, seed, [3, 4])
    assert_array_equal([one.item_vectors_ for one in model.estimators_], expected)
    assert_allclose(model.weights_, [0.5, 0.5])


@pytest.mark.parametrize(
    ("scores", "n_snapshots", "epochs"),
    [
        ([0.1, 0.4, 0.2, 0.3], 2, [2, 4]),
        ([0.4, 0.3, 0.2, 0.1], 3, [1, 2, 3]),
        ([0.1, 0.2, 0.3, 0.4], 3, [2, 3, 4]),
        ([0.2, 0.2, 0.2, 0.2], 2, [1, 2]),
    ],
)
def test_the_best_epochs_are_kept(cycle, scripted, scores, n_snapshots, epochs):
    scripted(*scores)
    train, test = leave_last_out(cycle)
    model = ensemble(SASRecEstimator(**QUICK), n_members=1, snapshots=n_snapshots)
    model.fit(train, X_val=test)
    expected = states_after(SASRecEstimator, train, model.estimators_[0].random_state, epochs)
    assert_array_equal([one.item_vectors_ for one in model.estimators_], expected)


def test_a_training_that_ends_early_has_fewer_of_them(cycle, scripted):
    scripted(0.2, 0.1)
    network = SASRecEstimator(**QUICK, n_iter_no_change=1)
    model = ensemble(network, n_members=1, snapshots=4).fit(cycle)
    assert len(model.estimators_) == 2
    assert_allclose(model.weights_, [0.5, 0.5])


def test_snapshots_are_of_the_training_that_the_model_comes_from(cycle, scripted):
    scripted(0.1, 0.2, 0.3, 0.2)
    network = SASRecEstimator(**QUICK, train_on_held_out=True)
    model = ensemble(network, n_members=1, snapshots=2).fit(cycle)
    assert model.estimators_[0].best_epoch_ == 3
    expected = states_after(SASRecEstimator, cycle, model.estimators_[0].random_state, [2, 3])
    assert_array_equal([one.item_vectors_ for one in model.estimators_], expected)


def test_snapshots_of_melt_are_of_its_joint_training(cycle):
    backbone = SASRecEstimator(**QUICK, **QUIET)
    melt = MELTEstimator(backbone, max_epochs=2, user_threshold=3, item_threshold=3)
    model = ensemble(melt, n_members=1, snapshots=2).fit(cycle)
    assert len(model.estimators_) == 2
    alone = clone(melt).set_params(
        k=2, estimator__random_state=model.estimators_[0].estimator.random_state
    )
    assert_array_equal(model.estimators_[1].item_vectors_, alone.fit(cycle).item_vectors_)


def test_models_keep_no_callback_of_ours(cycle):
    model = ensemble(snapshots=2).fit(cycle)
    assert not any(hasattr(one, "_skl_callbacks") for one in model.estimators_)
    pipe = Pipeline([("ace", ACETransformer(4)), ("rec", SASRecEstimator(**QUICK, **QUIET))])
    model = ensemble(pipe, snapshots=2).fit(cycle)
    assert len(model.estimators_) == 4
    assert {type(one["rec"]).__name__ for one in model.estimators_} == {"SASRecEstimator"}


# Refusals.


@pytest.mark.parametrize(
    ("parameters", "kind", "text"),
    [
        (
            {"estimator": EASEEstimator()},
            ValueError,
            "estimator is EASEEstimator, which has no random_state, so n_members=2 of it would all "
            "be alike; set n_members=1, or give a recommender that draws.",
        ),
        (
            {"estimator": EASEEstimator(), "n_members": 1, "snapshots": 2},
            ValueError,
            "snapshots=2 are states of a network in training, but estimator is EASEEstimator; set "
            "snapshots=1, or give a network.",
        ),
        (
            {"snapshots": 5},
            ValueError,
            "snapshots=5 exceeds max_epochs=4 of the estimator; lower it.",
        ),
        (
            {"estimator": ACETransformer()},
            TypeError,
            "estimator is ACETransformer, which has no decision_function; give recommenders, or "
            "Pipelines that end in one.",
        ),
    ],
    ids=["nothing drawn", "no network", "too many", "no recommender"],
)
def test_what_cannot_be_an_ensemble_is_refused(cycle, parameters, kind, text):
    with pytest.raises(kind, match=f"^{re.escape(text)}$"):
        ensemble().set_params(**parameters).fit(cycle)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_members", 0),
        ("n_members", 1.5),
        ("snapshots", 0),
        ("snapshots", None),
        ("n_jobs", "two"),
        ("random_state", "seed"),
        ("estimator", None),
    ],
)
def test_values_that_no_parameter_takes_are_refused(cycle, name, value):
    with pytest.raises(ValueError, match=f"The {name!r} parameter of SeedEnsemble must be"):
        ensemble().set_params(**{name: value}).fit(cycle)


def test_another_estimator_than_that_of_the_fit_does_not_learn_further(cycle):
    model = ensemble().fit(cycle)
    text = (
        "estimator is GRU4RecEstimator, but those that were fitted, which are to learn further, "
        "are SASRecEstimator; set it back, or fit anew."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.set_params(estimator=GRU4RecEstimator()).partial_fit(cycle)


# Members of votes and stacks are fitted side by side, too.


def test_equal_steps_are_fitted_once(cycle, monkeypatch):
    fits, fit = [], ACETransformer.fit

    def counted(self, *given, **named):
        fits.append(self.alpha)
        return fit(self, *given, **named)

    monkeypatch.setattr(ACETransformer, "fit", counted)

    def pipe(alpha, rec):
        return Pipeline([("ace", ACETransformer(4, alpha=alpha)), ("rec", rec)])

    members = [
        ("a", pipe(1, SASRecEstimator(**QUICK, **QUIET, random_state=0))),
        ("b", pipe(1, GRU4RecEstimator(**QUICK, **QUIET, random_state=0))),
        ("c", pipe(2, SASRecEstimator(**QUICK, **QUIET, random_state=0))),
        ("top", PopularityEstimator(k=2)),
    ]
    model = VotingRecommender(members, k=2).fit(cycle)
    assert sorted(fits) == [1, 2]
    assert model.estimators_[0]["ace"] is model.estimators_[1]["ace"]
    for (name, member), found in zip(members, model.estimators_, strict=True):
        alone = clone(member).fit(cycle)
        assert_array_equal(found.decision_function(cycle), alone.decision_function(cycle), name)


@pytest.mark.parametrize("cls", [VotingRecommender, StackingRecommender])
def test_members_that_are_fitted_in_processes_are_the_same(cycle, cls):
    """Of closed forms, whose processes need not import torch."""
    members = [("ease", EASEEstimator()), ("top", PopularityEstimator())]
    one, two = (cls(members, k=2, n_jobs=n).fit(cycle) for n in (1, 2))
    assert_array_equal(one.decision_function(cycle), two.decision_function(cycle))
