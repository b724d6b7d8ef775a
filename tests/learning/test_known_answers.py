"""Known answers: on logs whose next item can be proved, models find it; popularity cannot."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import (
    ACETransformer,
    Catalog,
    Interactions,
    LeaveLastOut,
    PopularityEstimator,
    SASRecEstimator,
    leave_last_out,
    recall_scorer,
)
from skace.datasets import make_checkerboard, make_cycle
from skace.item_tables import FrozenTable, TrainableTable
from skace.losses import SampledSoftmax, Softmax
from skace.recommenders import BERT4RecEstimator, FMLPEstimator, GRU4RecEstimator
from skace.testing import all_losses

SMALL = {
    "k": 1,
    "n_layers": 1,
    "n_heads": 1,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "batch_size": 16,
    "learning_rate": 0.01,
    "early_stopping": False,
}
MODELS = {
    "softmax": {},
    "sampled softmax": {"loss": SampledSoftmax(8)},
    "sparse table": {
        "item_table": TrainableTable(sparse=True),
        "loss": SampledSoftmax(8),
    },
    "short windows": {"max_length": 3},
    "frozen table": {"item_table": FrozenTable(), "max_epochs": 40},
    "bfloat16": {"precision": "bfloat16"},
}


def hit_rate(model, X):
    """Share of the rows whose item is the first one recommended."""
    return recall_scorer(k=1)(model, X)


@pytest.fixture(scope="module")
def cycle():
    """Forty walks of 12 steps around 10 items, without their last step, and that."""
    return leave_last_out(
        make_cycle(n_users=40, n_items=10, length=12, n_features=16, random_state=0)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_stops_where_it_is_found(cycle, training_seed, margin):
    """Windows of 5, because only positions that were trained can be relied on."""
    train, test = cycle
    own = {"n_layers": 2, "n_heads": 2, "max_length": 5, "max_epochs": 40}
    stops = {"early_stopping": True, "n_iter_no_change": 8, "random_state": training_seed}
    model = SASRecEstimator(**(SMALL | own | stops)).fit(train)
    margin(hit_rate(model, test), above=0.8)
    margin(40 - model.n_iter_, above=0)


# The first two are found below as well.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.minutes] * (i < 2)) for i, name in enumerate(MODELS)],
)
def test_models_find_the_next_step_of_a_cycle(cycle, name, training_seed, margin, least_lead):
    train, test = cycle
    parameters = SMALL | {"max_epochs": 20, "random_state": training_seed} | MODELS[name]
    model = SASRecEstimator(**parameters).fit(train)
    margin(least_lead(model, test), above=0)
    assert hit_rate(model, test) == 1.0
    assert model.predict([[8, 9], [3]]).tolist() == [[0], [4]]


TRAINING = {
    "k": 1,
    "n_layers": 1,
    "dropout": 0.1,
    "batch_size": 16,
    "learning_rate": 0.01,
    "max_epochs": 20,
    "early_stopping": False,
}
BACKBONES = {
    "sasrec": SASRecEstimator(**TRAINING, n_heads=1),
    "gru4rec": GRU4RecEstimator(**TRAINING),
    # An epoch learns from a few masked rows of each window, from either side of them: short
    # windows and more epochs, of which dropout would take many more.
    "bert4rec": BERT4RecEstimator(
        **TRAINING | {"dropout": 0.0, "batch_size": 32, "learning_rate": 0.003, "max_epochs": 40},
        n_heads=1,
        attention_dropout=0.0,
        max_length=2,
    ),
    "fmlp": FMLPEstimator(**TRAINING | {"max_epochs": 10}, max_length=6),
}
LATER = pytest.mark.minutes


# A loss knows nothing of the network before it, so the other pairs can wait for test-slow.
PAIRS = [
    pytest.param(
        name,
        loss,
        marks=[] if name == "sasrec" or isinstance(loss, Softmax) else LATER,
        id=f"{name}-{loss}",
    )
    for name in BACKBONES
    for loss in all_losses(n_negatives=8)
]


@pytest.mark.parametrize(("name", "loss"), PAIRS)
def test_every_backbone_finds_it_with_every_loss(
    cycle, name, loss, training_seed, margin, least_lead
):
    train, test = cycle
    model = clone(BACKBONES[name])
    model.set_params(loss=loss, random_state=training_seed).fit(train)
    margin(least_lead(model, test), above=0)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sasrec", {"block": "pre", "n_layers": 3}),
        ("sasrec", {"block": "ligr", "n_layers": 2}),
        ("sasrec", {"positions": "relative"}),
        ("sasrec", {"positions": "rotary"}),
        ("sasrec", {"positions": "relative", "block": "hstu"}),
        ("gru4rec", {"n_layers": 2, "hidden_dim": 24}),
        ("bert4rec", {"finetune_ratio": 1.0, "max_epochs": 30}),
    ],
)
@pytest.mark.minutes
def test_every_shape_of_a_backbone_finds_it(
    cycle, name, parameters, training_seed, margin, least_lead
):
    train, test = cycle
    model = clone(BACKBONES[name]).set_params(**parameters, random_state=training_seed).fit(train)
    margin(least_lead(model, test), above=0)


def test_models_find_the_next_step_of_a_cycle_without_features(training_seed, margin, least_lead):
    train, test = leave_last_out(make_cycle(n_users=40, n_items=10, length=12, random_state=0))
    parameters = SMALL | {"max_epochs": 25, "embedding_dim": 16, "random_state": training_seed}
    model = SASRecEstimator(item_table=TrainableTable(init_std=0.3), **parameters).fit(train)
    margin(least_lead(model, test), above=0)


def test_popularity_does_not_find_it(cycle):
    train, test = cycle
    assert hit_rate(PopularityEstimator(k=1).fit(train), test) < 0.3


def test_one_step_of_the_cycle_is_learned_from_unseen_users(
    cycle, training_seed, margin, least_lead
):
    train, test = cycle
    known = train[train.users < 20]
    model = SASRecEstimator(**(SMALL | {"max_epochs": 40, "random_state": training_seed})).fit(
        known
    )
    margin(least_lead(model, test[test.users >= 20]), above=0)


def test_models_find_the_parity_of_a_checkerboard(training_seed, margin):
    X = make_checkerboard(n_users=60, n_items=12, n_features=8, random_state=0)
    train, test = leave_last_out(X)
    own = {"max_epochs": 40, "k": 6, "exclude_seen": True, "random_state": training_seed}
    model = SASRecEstimator(**(SMALL | own)).fit(train)
    # Only one item of the user's parity is left, and it comes before all of the other parity.
    margin(lead_of_parity(model, test), above=0)
    assert hit_rate(model, test) == 1.0
    popular = PopularityEstimator(k=6, exclude_seen=True).fit(train)
    assert hit_rate(popular, test) < 0.5


def lead_of_parity(model, X):
    """Least lead of a row's own item before those of the other parity."""
    scores = model.decision_function(X)
    is_other = model.item_ids_ % 2 != X.users[:, None] % 2
    own = scores[np.arange(len(X)), np.searchsorted(model.item_ids_, X.items)]
    return (own - np.where(is_other, scores, -np.inf).max(axis=1)).min()


@pytest.fixture(scope="module")
def returns():
    """Last rows of users who took one item and then another, of six.

    After a short wait they come back to the first, after a long one they take the second again:
    every pair with either wait, so that nothing but the wait tells.
    """
    pairs = [(a, b) for a in range(6) for b in range(6) if a != b]
    items = [(a, b, b if is_long else a) for a, b in pairs for is_long in (False, True)]
    times = np.tile([[0, 1, 2], [0, 64, 128]], (len(pairs), 1))
    vectors = np.random.default_rng(0).standard_normal((6, 16)) / 4
    users = np.repeat(np.arange(len(items)), 3)
    catalog = Catalog(np.arange(6), vectors)
    return Interactions(users, np.ravel(items), times.ravel(), catalog=catalog)[2::3]


# All rows at once, so that no batch has more of one wait than of the other.
WAITS = SMALL | {
    "dropout": 0.0,
    "n_heads": 4,  # of which one may die: SiLU, unlike softmax, can leave a head without a sum
    "batch_size": 60,
    "max_epochs": 120,
    "max_length": 2,  # by which HSTU divides its sums
}


@pytest.mark.parametrize("block", ["post", pytest.param("hstu", marks=pytest.mark.minutes)])
def test_what_the_time_between_events_tells_is_found(
    returns, block, training_seed, margin, least_lead
):
    model = SASRecEstimator(**WAITS, positions="time", block=block, random_state=training_seed)
    margin(least_lead(model.fit(returns), returns), above=0)


@pytest.mark.parametrize("positions", ["absolute", "relative"])
def test_places_do_not_tell_what_the_time_between_events_does(
    returns, positions, training_seed, margin
):
    """Twins of one history and two answers: one of them is always behind the other."""
    own = {"positions": positions, "max_epochs": 20, "random_state": training_seed}
    model = SASRecEstimator(**(WAITS | own))
    margin(hit_rate(model.fit(returns), returns), below=0.51)
    margin(model.loss_curve_[-1], above=np.log(2) - 0.01)


def test_new_items_of_the_cycle_are_learned_as_they_come(cycle, training_seed, margin, least_lead):
    """Items 8 and 9 join later; then the model knows the whole round."""
    train, test = cycle
    is_early = np.isin(train.items, range(8))
    catalog = Catalog(np.arange(8), train.catalog.features[:8])
    early = train[is_early]
    known = Interactions(early.users, early.items, early.timestamps, catalog=catalog)
    model = SASRecEstimator(**(SMALL | {"max_epochs": 10, "random_state": training_seed})).fit(
        known
    )
    assert hit_rate(model, test) < 1.0
    for _ in range(15):
        model.partial_fit(train)
    margin(least_lead(model, test), above=0)


@pytest.mark.minutes
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_tells_a_good_learning_rate_from_a_hopeless_one(cycle, training_seed, margin):
    train, test = cycle
    search = GridSearchCV(
        Pipeline(
            [
                ("ace", ACETransformer(n_components=8, scale=0.3)),
                (
                    "rec",
                    SASRecEstimator(**(SMALL | {"max_epochs": 40, "random_state": training_seed})),
                ),
            ]
        ),
        {"rec__learning_rate": [1e-6, 0.01]},
        cv=LeaveLastOut(),
        scoring=recall_scorer(k=1),
    ).fit(train)
    hopeless, good = search.cv_results_["mean_test_score"]
    margin(good - hopeless, above=0)
    assert search.best_params_ == {"rec__learning_rate": 0.01}
    assert search.score(test) == 1.0
