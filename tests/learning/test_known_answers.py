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
from skace.recommenders import BERT4RecEstimator, FMLPEstimator, GRU4RecEstimator

SMALL = {
    "k": 1,
    "n_layers": 1,
    "n_heads": 1,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "batch_size": 16,
    "learning_rate": 0.01,
    "early_stopping": False,
    "random_state": 0,
}
MODELS = {
    "softmax": {},
    "sampled softmax": {"loss": "sampled_softmax", "n_negatives": 8},
    "sparse table": {
        "item_table": TrainableTable(sparse=True),
        "loss": "sampled_softmax",
        "n_negatives": 8,
    },
    "short windows": {"max_length": 3},
    "frozen table": {"item_table": FrozenTable(), "max_epochs": 40},
    # Windows of 5, because only positions that were trained can be relied on.
    "two layers, early stopping": {
        "n_layers": 2,
        "n_heads": 2,
        "max_length": 5,
        "early_stopping": True,
        "n_iter_no_change": 8,
    },
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
@pytest.mark.parametrize("name", MODELS)
def test_models_find_the_next_step_of_a_cycle(cycle, name):
    train, test = cycle
    model = SASRecEstimator(**(SMALL | {"max_epochs": 20} | MODELS[name])).fit(train)
    assert hit_rate(model, test) == 1.0
    assert model.predict([[8, 9], [3]]).tolist() == [[0], [4]]


TRAINING = {
    "k": 1,
    "n_layers": 1,
    "dropout": 0.1,
    "batch_size": 16,
    "early_stopping": False,
    "n_negatives": 8,
    "random_state": 0,
}
BACKBONES = {
    "sasrec": SASRecEstimator(n_heads=1, learning_rate=0.01, max_epochs=20),
    "gru4rec": GRU4RecEstimator(learning_rate=0.01, max_epochs=20),
    # An epoch learns from a few masked rows of each window: short windows, more epochs.
    "bert4rec": BERT4RecEstimator(
        n_heads=1, attention_dropout=0.0, max_length=4, learning_rate=0.01, max_epochs=60
    ),
    "fmlp": FMLPEstimator(max_length=6, learning_rate=0.01, max_epochs=10),
}
LOSSES = [
    ("softmax", "uniform"),
    ("sampled_softmax", "uniform"),
    ("sampled_softmax", "popularity"),
    ("sampled_softmax", "in_batch"),
    ("bce", "uniform"),
    ("gbce", "uniform"),
    ("bpr", "uniform"),
    ("bpr", "in_batch"),
]


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize(("loss", "negatives"), LOSSES)
def test_every_backbone_finds_it_with_every_loss(cycle, name, loss, negatives):
    train, test = cycle
    model = clone(BACKBONES[name]).set_params(loss=loss, negatives=negatives, **TRAINING)
    if (name, loss) == ("bert4rec", "bpr"):  # pairs that are right already teach little
        model.set_params(max_epochs=90)
    assert hit_rate(model.fit(train), test) == 1.0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sasrec", {"block": "pre", "n_layers": 3}),
        ("sasrec", {"block": "ligr", "n_layers": 2}),
        ("gru4rec", {"n_layers": 2, "hidden_dim": 24}),
        ("bert4rec", {"finetune_ratio": 1.0, "max_epochs": 30}),
    ],
)
def test_every_shape_of_a_backbone_finds_it(cycle, name, parameters):
    train, test = cycle
    model = clone(BACKBONES[name]).set_params(**(TRAINING | parameters))
    assert hit_rate(model.fit(train), test) == 1.0


def test_models_find_the_next_step_of_a_cycle_without_features():
    train, test = leave_last_out(make_cycle(n_users=40, n_items=10, length=12, random_state=0))
    parameters = SMALL | {"max_epochs": 25, "embedding_dim": 16}
    model = SASRecEstimator(item_table=TrainableTable(init_std=0.3), **parameters).fit(train)
    assert hit_rate(model, test) == 1.0


def test_popularity_does_not_find_it(cycle):
    train, test = cycle
    assert hit_rate(PopularityEstimator(k=1).fit(train), test) < 0.3


def test_one_step_of_the_cycle_is_learned_from_unseen_users(cycle):
    train, test = cycle
    known = train[train.users < 20]
    model = SASRecEstimator(**(SMALL | {"max_epochs": 40})).fit(known)
    assert hit_rate(model, test[test.users >= 20]) == 1.0


def test_models_find_the_parity_of_a_checkerboard():
    X = make_checkerboard(n_users=60, n_items=12, n_features=8, random_state=0)
    train, test = leave_last_out(X)
    model = SASRecEstimator(**(SMALL | {"max_epochs": 40, "k": 6, "exclude_seen": True})).fit(train)
    # Only one item of the user's parity is left, and it comes first.
    assert hit_rate(model, test) == 1.0
    model.set_params(exclude_seen=False)
    parity = model.predict(test) % 2
    np.testing.assert_array_equal(parity, np.tile(test.users[:, None] % 2, 6))
    popular = PopularityEstimator(k=6, exclude_seen=True).fit(train)
    assert hit_rate(popular, test) < 0.5


def test_new_items_of_the_cycle_are_learned_as_they_come(cycle):
    """Items 8 and 9 join later; then the model knows the whole round."""
    train, test = cycle
    is_early = np.isin(train.items, range(8))
    catalog = Catalog(np.arange(8), train.catalog.features[:8])
    early = train[is_early]
    known = Interactions(early.users, early.items, early.timestamps, catalog=catalog)
    model = SASRecEstimator(**(SMALL | {"max_epochs": 10})).fit(known)
    assert hit_rate(model, test) < 1.0
    for _ in range(15):
        model.partial_fit(train)
    assert hit_rate(model, test) == 1.0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_tells_a_good_learning_rate_from_a_hopeless_one(cycle):
    train, test = cycle
    search = GridSearchCV(
        Pipeline(
            [
                ("ace", ACETransformer(n_components=8, scale=0.3)),
                ("rec", SASRecEstimator(**(SMALL | {"max_epochs": 40}))),
            ]
        ),
        {"rec__learning_rate": [1e-6, 0.01]},
        cv=LeaveLastOut(),
        scoring=recall_scorer(k=1),
    ).fit(train)
    assert search.best_params_ == {"rec__learning_rate": 0.01}
    assert search.score(test) == 1.0
