"""TrainableTable: where vectors start, which ones training moves."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import Catalog, Interactions, SASRecEstimator
from skace.item_tables import TrainableTable
from skace.losses import SampledSoftmax, Softmax

QUICK = {
    "k": 2,
    "n_layers": 1,
    "n_heads": 1,
    "max_epochs": 3,
    "early_stopping": False,
    "random_state": 0,
}
FIG = 5  # the cold item of the small log


def fit(X, table, **parameters):
    return SASRecEstimator(item_table=table, **(QUICK | parameters)).fit(X)


def test_vectors_start_from_the_features(small_log):
    model = fit(small_log, TrainableTable(), learning_rate=1e-12)
    np.testing.assert_allclose(model.item_vectors_, small_log.catalog.features, atol=1e-6)


def test_training_moves_every_item_with_a_row(small_log):
    model = fit(small_log, TrainableTable())
    moved = np.abs(model.item_vectors_ - small_log.catalog.features).max(axis=1)
    assert (moved[:FIG] > 1e-4).all()
    assert moved[FIG] == 0


@pytest.mark.parametrize("init_std", [0.02, 1.0])
def test_without_features_vectors_start_at_random(init_std):
    X = Interactions.from_sequences([list(range(300)), list(range(299, -1, -1))])
    model = fit(X, TrainableTable(init_std=init_std), learning_rate=1e-12, embedding_dim=16)
    assert model.item_vectors_.shape == (300, 16)
    assert model.item_vectors_.std() == pytest.approx(init_std, rel=0.05)


def test_an_init_std_of_zero_starts_all_items_alike():
    model = fit([[1, 2, 3]], TrainableTable(init_std=0), learning_rate=1e-12, embedding_dim=4)
    np.testing.assert_allclose(model.item_vectors_, 0, atol=1e-6)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
@pytest.mark.parametrize("loss", [Softmax(), SampledSoftmax()], ids=repr)
def test_cold_items_stay_where_the_features_put_them(small_log, early_stopping, weight_decay, loss):
    model = fit(
        small_log,
        TrainableTable(),
        early_stopping=early_stopping,
        weight_decay=weight_decay,
        loss=loss,
        max_epochs=9,
        learning_rate=0.01,
        n_iter_no_change=1,
    )
    cold = small_log.catalog.features[FIG].astype(np.float32)
    np.testing.assert_array_equal(model.item_vectors_[FIG], cold)


def test_as_negatives_cold_items_are_pushed_down(small_log):
    kept = fit(small_log, TrainableTable(), max_epochs=40, learning_rate=0.05)
    usual = fit(
        small_log, TrainableTable(cold_items="negatives"), max_epochs=40, learning_rate=0.05
    )
    assert np.abs(usual.item_vectors_[FIG] - small_log.catalog.features[FIG]).max() > 0.1
    rows = small_log[[1, 2, 3, 5, 6, 8]]  # those with a past
    # Only a first event can stand as low: nobody is taught to want it either.
    assert (usual.decision_function(rows).argsort(axis=1)[:, :2] == FIG).any(axis=1).all()
    assert not (kept.decision_function(rows).argsort(axis=1)[:, 0] == FIG).all()


def test_cold_items_do_not_change_what_the_others_learn(small_log):
    without = Catalog(small_log.catalog.item_ids[:FIG], small_log.catalog.features[:FIG])
    X = Interactions(small_log.users, small_log.items, small_log.timestamps, catalog=without)
    model, alone = fit(small_log, TrainableTable()), fit(X, TrainableTable())
    np.testing.assert_allclose(model.item_vectors_[:FIG], alone.item_vectors_, atol=1e-6)
    scores = model.decision_function(small_log)[:, :FIG]
    np.testing.assert_allclose(scores, alone.decision_function(X), atol=1e-5)


def test_cold_items_are_recommended_by_their_features():
    """A cold twin of an item is scored like the item, because it has the same vector."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((5, 8))
    catalog = Catalog(np.arange(6), np.concatenate([vectors, vectors[2:3]]))
    sequences = [[0, 1, 2, 3, 4, 0, 1, 2], [3, 4, 0, 1, 2]] * 10
    X = Interactions.from_sequences(sequences, catalog=catalog)
    model = fit(X, TrainableTable(), max_epochs=30, learning_rate=0.003, batch_size=4, k=6)
    ids = model.predict([[0, 1]])[0].tolist()
    assert ids[0] == 2
    assert ids.index(5) <= 2
