"""Growth: a fitted model meets new events, new items, or another fit."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from skace import Catalog, EASEEstimator, Interactions, ItemKNNEstimator, SASRecEstimator
from skace.datasets import make_cycle
from skace.item_tables import FrozenTable, TrainableTable
from skace.recommenders import PopularityEstimator, RepeatEstimator

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
N_ITEMS, NEW = 7, [91, 90]


@pytest.fixture
def cycle():
    return make_cycle(n_users=12, n_items=N_ITEMS, length=9, n_features=8, random_state=0)


def plain(X):
    """The same log without item features."""
    return Interactions(X.users, X.items, X.timestamps)


def fit(X, **parameters):
    parameters = QUICK | ({} if X.catalog.n_features else {"embedding_dim": 8}) | parameters
    return SASRecEstimator(**parameters).fit(X)


@pytest.fixture
def news(cycle):
    """Joined log in which users 0 and 1 take the new items 91 and 90, and its new rows."""
    features = np.concatenate([cycle.catalog.features, np.eye(8)[:2]])
    catalog = Catalog([*range(N_ITEMS), *NEW], features)
    more = Interactions([0, 0, 1], [91, 2, 90], [10, 11, 10], catalog=catalog)
    joined = Interactions.concat([cycle, more])
    return joined, joined[joined.source_rows >= len(cycle)]


def assert_same_network(model, other):
    for name, value in model.encoder_state_.items():
        np.testing.assert_array_equal(other.encoder_state_[name], value)


def test_rows_of_new_events_are_the_only_ones_learned_from(cycle, news, monkeypatch):
    model = fit(cycle)
    seen, build = [], SASRecEstimator._build_trainer

    def remember(self, fit):
        trainer = build(self, fit)
        batch = trainer.log.batch(np.arange(len(trainer.log.lengths)))
        seen.extend(batch.targets[batch.weights > 0].tolist())
        return trainer

    monkeypatch.setattr(SASRecEstimator, "_build_trainer", remember)
    model.partial_fit(news[1])
    assert sorted(model.item_ids_[seen].tolist()) == [2, 90, 91]
    assert (model.n_iter_, len(model.loss_curve_), model.validation_scores_) == (1, 1, [])


@pytest.mark.parametrize("item_table", [TrainableTable(), FrozenTable()])
def test_new_items_join_with_their_features(cycle, news, item_table):
    model = fit(cycle, item_table=item_table)
    before = model.item_vectors_
    model.set_params(learning_rate=1e-12).partial_fit(news[1])
    assert model.item_ids_.tolist() == [*range(N_ITEMS), *NEW]
    np.testing.assert_allclose(model.item_vectors_[:N_ITEMS], before, atol=1e-6)
    np.testing.assert_allclose(model.item_vectors_[N_ITEMS:], np.eye(8)[:2], atol=1e-6)


def test_new_items_without_features_join_at_random(cycle):
    model = fit(plain(cycle), item_table=TrainableTable(init_std=0.5))
    before = model.item_vectors_
    model.set_params(learning_rate=1e-12)
    new = Interactions.concat([plain(cycle), Interactions([0], [91], [10])])
    model.partial_fit(new[new.items == 91])
    np.testing.assert_allclose(model.item_vectors_[:N_ITEMS], before, atol=1e-6)
    assert 0.1 < model.item_vectors_[N_ITEMS].std() < 1.0


@pytest.mark.parametrize("has_features", [True, False])
def test_new_items_are_learned(cycle, news, has_features):
    """Everyone goes from 2 to the new item; so does the grown model in the end."""
    sequences = [[1, 2, 91]] * 12
    X = Interactions.from_sequences(sequences, catalog=news[0].catalog if has_features else None)
    model = fit(cycle if has_features else plain(cycle), k=1, dropout=0.1)
    model.set_params(learning_rate=0.02, batch_size=2)
    for _ in range(15):
        model.partial_fit(X[X.items == 91])
    assert model.predict([[1, 2]]).tolist() == [[91]]


def test_cold_items_that_stay_cold_are_not_moved(cycle):
    catalog = Catalog([*range(N_ITEMS), *NEW], np.random.default_rng(0).standard_normal((9, 8)))
    X = Interactions(cycle.users, cycle.items, cycle.timestamps, catalog=catalog)
    model = fit(X)
    grown = Interactions.concat([X, Interactions([0], [91], [10], catalog=catalog)])
    model.set_params(learning_rate=0.05).partial_fit(grown[grown.items == 91])
    vectors = catalog.features.astype(np.float32)
    np.testing.assert_array_equal(model.item_vectors_[8], vectors[8])  # 90 is cold still
    assert np.abs(model.item_vectors_[7] - vectors[7]).max() > 0.01  # 91 no longer is


def test_cold_items_without_features_are_not_moved_either(cycle):
    X = Interactions(
        cycle.users, cycle.items, cycle.timestamps, catalog=Catalog([*range(N_ITEMS), *NEW])
    )
    model = fit(X)
    before = model.item_vectors_
    model.set_params(random_state=1).partial_fit(X[:20])
    np.testing.assert_array_equal(model.item_vectors_[N_ITEMS:], before[N_ITEMS:])
    assert (model.item_vectors_[:N_ITEMS] != before[:N_ITEMS]).any(axis=1).all()


@pytest.mark.parametrize("rows", [[], slice(0)])
def test_no_new_events_leave_the_model_as_it_is(cycle, rows):
    model = fit(cycle)
    state = pickle.dumps(model)
    model.partial_fit(cycle[rows])
    assert pickle.dumps(model) == state


def test_first_events_are_counted_and_leave_the_network_alone(cycle):
    model = fit(cycle)
    before = pickle.loads(pickle.dumps(model))
    newcomers = Interactions([100, 101], [3, 3], [0, 0], catalog=cycle.catalog)
    with pytest.warns(UserWarning, match="has a past"):
        model.partial_fit(newcomers)
    assert model.item_counts_[3] == before.item_counts_[3] + 2
    np.testing.assert_array_equal(model.item_vectors_, before.item_vectors_)
    assert_same_network(model, before)
    np.testing.assert_array_equal(
        model.decision_function(cycle[1:9]), before.decision_function(cycle[1:9])
    )


def test_the_order_of_the_catalog_of_new_events_does_not_matter(cycle, news):
    shuffled = news[0].catalog.take(np.random.default_rng(0).permutation(9))
    X = news[0]
    other = Interactions(X.users, X.items, X.timestamps, catalog=shuffled)
    models = [fit(cycle).partial_fit(rows) for rows in (news[1], other[X.source_rows >= 108])]
    order = [models[1].item_ids_.tolist().index(item) for item in models[0].item_ids_]
    scores = [model.decision_function(cycle) for model in models]
    np.testing.assert_allclose(scores[0], scores[1][:, order], atol=1e-5)


def test_a_grown_model_survives_its_file(cycle, news):
    model = fit(cycle).partial_fit(news[1])
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        loaded.decision_function(news[0]), model.decision_function(news[0])
    )
    loaded.partial_fit(news[1])
    model.partial_fit(news[1])
    np.testing.assert_array_equal(loaded.item_vectors_, model.item_vectors_)


def test_partial_fit_goes_on_from_the_weights(cycle, training_seed, margin):
    own = {"dropout": 0.1, "random_state": training_seed}
    model = fit(cycle, max_epochs=20, learning_rate=0.01, **own)
    last = model.loss_curve_[-1]
    model.partial_fit(cycle)
    fresh = SASRecEstimator(**(QUICK | own)).partial_fit(cycle)
    margin(np.log(fresh.loss_curve_[0] / last), above=1)
    margin(np.log(model.loss_curve_[0] / last), below=1)


def test_warm_start_goes_on_from_the_weights(cycle, training_seed, margin):
    parameters = {"max_epochs": 20, "learning_rate": 0.01, "dropout": 0.1}
    parameters["random_state"] = training_seed
    model = fit(cycle, warm_start=True, **parameters)
    first, last = model.loss_curve_[0], model.loss_curve_[-1]
    model.set_params(max_epochs=1).fit(cycle)
    assert len(model.loss_curve_) == 1
    margin(np.log(first / last), above=1)
    margin(np.log(model.loss_curve_[0] / last), below=1)
    cold = fit(cycle, **parameters).set_params(max_epochs=1).fit(cycle)
    assert cold.loss_curve_[0] == pytest.approx(first)


def test_warm_start_takes_new_items_in(cycle, news):
    model = fit(cycle, warm_start=True).fit(news[0])
    assert model.item_ids_.tolist() == [*range(N_ITEMS), *NEW]
    assert model.n_iter_ == 3


def test_warm_start_may_watch_validation_rows(cycle):
    model = fit(cycle, warm_start=True, learning_rate=1e-9)
    model.set_params(early_stopping=True, n_iter_no_change=1).fit(cycle)
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_growth_does_not_write_into_earlier_copies(cycle, news, method):
    model = fit(cycle, warm_start=True)
    arrays = {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}
    before = {name: value.copy() for name, value in arrays.items()}
    getattr(model, method)(news[0])
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, before[name])


DAYS = [
    Interactions(["al", "al", "bo", "bo"], ["pen", "ink", "cap", "pen"], [1, 2, 1, 2]),
    Interactions(["al", "bo"], ["cap", "ink"], [3, 3]),
]


@pytest.mark.parametrize(
    "model",
    [
        ItemKNNEstimator(k=1),
        EASEEstimator(k=1, store_counts=True),
        SASRecEstimator(**QUICK, embedding_dim=8),
    ],
    ids=["knn", "ease", "sasrec"],
)
def test_a_day_appended_teaches_what_came_after_what(model):
    before, today = DAYS
    alone, appended = clone(model).fit(before), clone(model).fit(before)
    with pytest.warns(UserWarning, match=r"none of the 2 row\(s\) of X has a past") as told:
        alone.partial_fit(today)
    assert Path(told[0].filename) == Path(__file__)
    appended.partial_fit(before.append(today, only_new=True))
    assert alone.item_counts_.tolist() == appended.item_counts_.tolist() == [2, 2, 2]
    cap = np.flatnonzero(alone.item_ids_ == "cap")[0]
    scores = [one.decision_function([["ink"]])[0, cap] for one in (alone, appended)]
    assert scores[0] != pytest.approx(scores[1], rel=1e-3)


@pytest.mark.parametrize("model", [PopularityEstimator(k=1), RepeatEstimator(k=1)])
def test_what_learns_no_order_needs_no_past(model):
    before, today = DAYS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(before).partial_fit(today)
    assert model.popularity_.sum() == 6
