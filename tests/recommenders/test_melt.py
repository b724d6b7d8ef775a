"""MELTEstimator: heads and tails, two trainings, and a wrapper that is a recommender."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skace import (
    Catalog,
    Interactions,
    LeaveLastOut,
    SASRecEstimator,
    leave_last_out,
    ndcg_scorer,
)
from skace.datasets import make_cycle, make_shop
from skace.item_tables import FrozenTable, IDTable, MLPAdapter, TrainableTable
from skace.recommenders import (
    BERT4RecEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    MELTEstimator,
)
from skace.recommenders.neural import _epochs
from skace.recommenders.neural._melt_heads import (
    histories_before,
    last_events,
    n_events_of_users,
    threshold_at,
)

QUICK = {
    "n_layers": 1,
    "max_length": 8,
    "max_epochs": 2,
    "batch_size": 16,
    "learning_rate": 0.01,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def shop():
    return make_shop(40, 50, 300, n_features=16, random_state=0).interactions


def melt(cls=SASRecEstimator, backbone=None, **parameters):
    parameters = {"k": 3, "max_epochs": 2} | parameters
    return MELTEstimator(cls(**(QUICK | (backbone or {}))), **parameters)


# Heads.

OFFSETS = np.array([0, 4, 4, 7, 9])  # the second user has no events
ITEMS = np.array([0, 1, 2, 1, 1, 0, 2, 2, 1])
LEARNED = np.array([1, 1, 1, 0, 1, 1, 1, 0, 0], dtype=bool)


@pytest.mark.parametrize(
    ("values", "quantile", "expected"),
    [([1, 2, 3, 4, 5], 0.8, 5), ([1, 1, 1], 0.5, 2), ([2, 4], 0.5, 4), ([], 0.8, 1)],
)
def test_a_head_begins_above_the_quantile(values, quantile, expected):
    values = np.array(values, dtype=np.int64)
    assert threshold_at(values, quantile) == expected
    np.testing.assert_array_equal(
        values >= expected, values > (np.quantile(values, quantile) if values.size else 0)
    )


def test_users_count_their_events_up_to_the_last_learned_one():
    assert n_events_of_users(LEARNED, OFFSETS).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("threshold", "max_length", "starts", "lengths"),
    [(3, 2, [1, 5], [2, 2]), (1, 9, [0, 4], [3, 3]), (4, 9, [], [])],
)
def test_the_last_events_of_head_users_are_read(threshold, max_length, starts, lengths):
    found = last_events(LEARNED, OFFSETS, threshold, max_length)
    assert [part.tolist() for part in found] == [starts, lengths]


def test_histories_end_before_the_item_that_they_lead_to():
    is_wanted = np.array([True, True, False])
    rows, bounds, starts, lengths = histories_before(ITEMS, LEARNED, OFFSETS, is_wanted, 9)
    assert rows.tolist() == [0, 1]  # item 0 at event 5, item 1 at event 1; 0 and 4 have no past
    assert bounds.tolist() == [0, 1, 2]
    assert starts.tolist() == [4, 0]
    assert lengths.tolist() == [1, 1]


# Learning.


def test_thresholds_are_quantiles_of_what_is_learned(shop):
    model = melt(user_quantile=0.5, item_quantile=0.4).fit(shop)
    n_events = np.unique(shop.users, return_counts=True)[1]
    counts = model.item_counts_[model.item_counts_ > 0]
    assert model.user_threshold_ == int(np.quantile(n_events, 0.5)) + 1
    assert model.item_threshold_ == int(np.quantile(counts, 0.4)) + 1


def test_thresholds_may_be_given(shop):
    model = melt(user_threshold=4, item_threshold=7).fit(shop)
    assert (model.user_threshold_, model.item_threshold_) == (4, 7)


def test_rows_held_out_do_not_count(shop):
    """With early stopping the last row of each user is no part of the quantiles."""
    quantiles = {"user_quantile": 0.5, "item_quantile": 0.4}
    train, _ = leave_last_out(shop)
    backbone = {"early_stopping": True, "n_iter_no_change": 2}
    with pytest.warns(ConvergenceWarning):
        model = melt(backbone=backbone, **quantiles).fit(shop)
    other = melt(**quantiles).fit(train)
    assert model.item_threshold_ == other.item_threshold_
    assert model.user_threshold_ == (other.user_threshold_ if model.best_epoch_ else 1)


def test_short_histories_are_enhanced_and_long_ones_are_not(shop):
    model = melt(user_threshold=4).fit(shop)
    ids = shop.catalog.item_ids[:6].tolist()
    state = model.encoder_state_
    weight, bias = state["user_map.weight"], state["user_map.bias"]
    enhanced = model.encode([ids[:3], ids[:4]])
    model.user_threshold_ = 1  # nobody is tail
    plain = pickle.loads(pickle.dumps(model)).encode([ids[:3], ids[:4]])
    np.testing.assert_allclose(enhanced[0], plain[0] + plain[0] @ weight.T + bias, atol=1e-5)
    np.testing.assert_allclose(enhanced[1], plain[1], atol=1e-6)


def test_without_branches_it_is_the_backbone_trained_in_two_parts(shop, training_seed, margin):
    """Weights of 0 leave a backbone of which the second training has a fresh optimiser."""
    alone = {"max_epochs": 1, "dropout": 0.0, "attention_dropout": 0.0}
    alone["random_state"] = training_seed
    model = melt(user_weight=0, item_weight=0, backbone=alone, max_epochs=1).fit(shop)
    assert model.user_threshold_ == 1
    assert (model.n_pretraining_iter_, model.n_iter_) == (1, 1)
    backbone = clone(model.estimator).set_params(warm_start=True).fit(shop).fit(shop)
    assert model.loss_curve_ == pytest.approx(backbone.loss_curve_, rel=0.005)
    # One that goes on with the optimiser of the first is further than that.
    through = clone(model.estimator).set_params(max_epochs=2).fit(shop)
    margin(through.loss_curve_[1] / min(model.loss_curve_ + backbone.loss_curve_), below=0.998)


def test_the_first_training_is_that_of_the_backbone(shop, monkeypatch):
    losses, run = [], _epochs._train_epoch
    model = melt(backbone={"dropout": 0.0, "attention_dropout": 0.0})
    plain = clone(model.estimator).fit(shop)

    def watched_epoch(trainer, epoch):
        loss = run(trainer, epoch)
        losses.append((trainer.auxiliary is None, loss))
        return loss

    monkeypatch.setattr(_epochs, "_train_epoch", watched_epoch)
    watched = clone(model).fit(shop)
    assert [is_alone for is_alone, _ in losses] == [True, True, False, False]
    assert [loss for _, loss in losses[:2]] == plain.loss_curve_
    assert [loss for _, loss in losses[2:]] == watched.loss_curve_


@pytest.mark.parametrize("weight", ["user_weight", "item_weight"])
def test_each_branch_changes_the_model(shop, weight):
    vectors = [melt(**{weight: value}).fit(shop).item_vectors_ for value in (0.1, 2.0)]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-5


def test_without_user_branch_the_map_of_users_is_left_alone(shop):
    """It would be learned as a part of the item branch, and then be dropped."""
    maps = [
        melt(**weights).fit(shop).encoder_state_["user_map.weight"]
        for weights in ({"user_weight": 0, "item_weight": 0}, {"user_weight": 0}, {})
    ]
    np.testing.assert_array_equal(maps[1], maps[0])
    assert (maps[2] != maps[0]).any()


def test_features_that_would_be_overwritten_are_warned_of(shop):
    text = (
        "item_table of the backbone is TrainableTable, which starts from the item features, but "
        "MELTEstimator overwrites the vectors of tail items before each epoch; set "
        "estimator__item_table=IDTable(), as published."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        model = melt().fit(shop)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(shop[:40])
        melt(item_weight=0).fit(shop)
        melt(backbone={"item_table": IDTable()}).fit(shop)
        melt().fit(shop.with_features(None))


def test_cold_items_keep_their_features(shop):
    counts = np.bincount(shop.catalog.row_of(shop.items), minlength=shop.n_items)
    rarest = shop.catalog.item_ids[np.argsort(counts)[:5]]
    X = shop[~np.isin(shop.items, rarest)]
    X = Interactions(X.users, X.items, X.timestamps, catalog=shop.catalog)
    model = melt().fit(X)
    cold = model.item_counts_ == 0
    assert cold.sum() >= 5
    features = shop.catalog.features.astype(np.float32)
    np.testing.assert_array_equal(model.item_vectors_[cold], features[cold])
    assert (model.item_vectors_[~cold] != features[~cold]).any(axis=1).all()


@pytest.mark.minutes
def test_it_finds_the_next_step_of_a_cycle(training_seed, margin, least_lead):
    """Users of 3 to 12 steps, and an item that is rarer than the others."""
    X = make_cycle(n_users=40, n_items=10, length=12, random_state=0)
    train, test = leave_last_out(X[X.timestamps < 3 + X.users % 10])
    backbone = SASRecEstimator(
        n_layers=1,
        n_heads=1,
        dropout=0.1,
        attention_dropout=0.0,
        embedding_dim=16,
        item_table=TrainableTable(init_std=0.3),
        batch_size=4,
        learning_rate=0.01,
        max_epochs=20,
        early_stopping=False,
        random_state=training_seed,
    )
    quantiles = {"item_quantile": 0.1, "user_quantile": 0.6}
    model = MELTEstimator(backbone, k=1, max_epochs=30, item_weight=0.1, **quantiles)
    model.fit(train)
    is_tail_item = (model.item_counts_ < model.item_threshold_)[test._item_codes]
    is_tail_user = test._ends - test._starts < model.user_threshold_
    for is_chosen in (is_tail_item, ~is_tail_item, is_tail_user, ~is_tail_user):
        assert is_chosen.any()
        margin(least_lead(model, test[is_chosen]), above=0)


# A wrapper that is a recommender.


@pytest.mark.parametrize("cls", [SASRecEstimator, GRU4RecEstimator])
@pytest.mark.parametrize("table", [None, IDTable(), TrainableTable(init_std=0.1)])
def test_causal_backbones_are_wrapped(shop, cls, table):
    width = 8 if isinstance(table, IDTable) else None
    model = melt(cls, {"item_table": table, "embedding_dim": width})
    model.fit(shop)
    assert model.predict(shop.next_queries()).shape == (shop.n_users, 3)
    assert not hasattr(model.estimator, "item_ids_")


def test_the_default_backbone_is_sasrec():
    model = MELTEstimator()
    found = model._settings()
    assert type(found) is SASRecEstimator
    assert found.get_params() == SASRecEstimator().get_params()
    with pytest.raises(ValueError, match=r"set estimator=SASRecEstimator\(\), which is what None"):
        model.set_params(estimator__n_layers=1)


def test_parameters_of_the_backbone_are_those_of_the_backbone_only():
    for model in (MELTEstimator(), melt()):
        for name in ("max_length", "n_heads", "item_table", "item_vectors_"):
            assert not hasattr(model, name)


def test_parameters_of_the_backbone_are_in_reach_of_a_grid(shop):
    search = GridSearchCV(
        melt(),
        {"estimator__item_table": [None, IDTable()], "item_weight": [0.0, 0.3]},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=5),
        error_score="raise",
    )
    search.fit(shop)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_file_holds_no_torch_and_answers_alike(shop):
    model = melt().fit(shop)
    content = pickle.dumps(model)
    assert b"torch" not in content
    loaded = pickle.loads(content)
    np.testing.assert_array_equal(loaded.decision_function(shop), model.decision_function(shop))
    loaded.partial_fit(shop[:40])
    model.partial_fit(shop[:40])
    np.testing.assert_array_equal(loaded.item_vectors_, model.item_vectors_)


def test_a_backbone_that_is_set_later_does_not_change_the_answers(shop):
    model = melt().fit(shop)
    expected = model.decision_function(shop)
    model.set_params(estimator=GRU4RecEstimator(max_length=3, item_table=FrozenTable()))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).decision_function(shop), expected
    )


def test_it_goes_on_from_its_weights(shop):
    model = melt(backbone={"warm_start": True}).fit(shop)
    thresholds = model.user_threshold_, model.item_threshold_
    assert model.n_pretraining_iter_ == 2
    model.fit(shop[:150])
    assert (model.n_pretraining_iter_, model.n_iter_) == (0, 2)
    model.partial_fit(shop[:60])
    assert (model.n_pretraining_iter_, model.n_iter_) == (0, 1)
    assert (model.user_threshold_, model.item_threshold_) == thresholds


def test_partial_fit_of_first_events_decides_nothing(shop):
    first = Interactions(["a", "b"], shop.catalog.item_ids[:2], [0, 0], catalog=shop.catalog)
    model = melt().partial_fit(first)
    assert not hasattr(model, "user_threshold_")
    model.partial_fit(shop)
    assert model.user_threshold_ > 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_backbone_alone_is_kept_where_the_joint_training_is_no_better(shop):
    """A weight that ruins everything: the state before is the best one."""
    train, val = leave_last_out(shop)
    backbone = {"early_stopping": True, "n_iter_no_change": 9, "max_epochs": 6}
    backbone |= {"dropout": 0.0, "attention_dropout": 0.0}  # the maps take random numbers, too
    model = melt(backbone=backbone, item_weight=1e4, user_weight=1e4, max_epochs=3)
    model.fit(train, X_val=val)
    assert (model.best_epoch_, model.n_iter_, model.user_threshold_) == (0, 3, 1)
    alone = clone(model.estimator).fit(train, X_val=val)
    assert max(model.validation_scores_) <= max(alone.validation_scores_)
    assert model.score(val) == pytest.approx(max(alone.validation_scores_))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_patience_does_not_cut_the_curriculum_off(shop):
    train, val = leave_last_out(shop)
    model = melt(backbone={"early_stopping": True, "n_iter_no_change": 1}, max_epochs=6)
    model.fit(train, X_val=val)
    assert model.n_iter_ == 6


@pytest.mark.parametrize(
    ("max_length", "starts", "lengths"), [(9, [4, 0], [2, 2]), (1, [5, 1], [1, 1])]
)
def test_histories_may_end_with_the_item_that_they_lead_to(max_length, starts, lengths):
    is_wanted = np.array([True, True, False])
    found = histories_before(ITEMS, LEARNED, OFFSETS, is_wanted, max_length, through=True)
    assert [part.tolist() for part in found[2:]] == [starts, lengths]


def test_where_histories_end_changes_the_model(shop):
    vectors = [
        melt(contexts=contexts).fit(shop).item_vectors_ for contexts in ("before", "through")
    ]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-5


def test_the_best_joint_epoch_is_kept(shop):
    train, val = leave_last_out(shop)
    model = melt(max_epochs=4).fit(train, X_val=val)
    assert model.best_epoch_ == 1 + int(np.argmax(model.validation_scores_))
    assert model.score(val) == pytest.approx(max(model.validation_scores_))


# Refusals.


@pytest.mark.parametrize("backbone", [BERT4RecEstimator(), FMLPEstimator(), MELTEstimator()])
def test_backbones_that_are_not_causal_are_refused(shop, backbone):
    text = (
        f"estimator is {type(backbone).__name__}, but MELTEstimator needs a causal backbone, with "
        "a state at every position; take SASRecEstimator or GRU4RecEstimator."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        MELTEstimator(backbone).fit(shop)


@pytest.mark.parametrize("table", [FrozenTable(), MLPAdapter()])
def test_tables_without_free_vectors_are_refused(shop, table):
    text = (
        f"item_table of the backbone is {type(table).__name__}, but MELTEstimator replaces the "
        "vectors of tail items; take TrainableTable or IDTable."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        melt(backbone={"item_table": table}).fit(shop)


def test_a_class_in_place_of_a_table_is_named(shop):
    text = "item_table is the class IDTable; pass an instance, IDTable()."
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        melt(backbone={"item_table": IDTable}).fit(shop)


def test_a_threshold_beyond_what_is_read_is_refused(shop):
    text = (
        "user_threshold=9 exceeds max_length=8 of the backbone, which reads no more events of a "
        "user; lower it."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        melt(user_threshold=9).fit(shop)


def test_parameters_of_the_backbone_are_validated(shop):
    with pytest.raises(ValueError, match="The 'dropout' parameter of SASRecEstimator must be"):
        melt(backbone={"dropout": 2}).fit(shop)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"estimator": GRU4RecEstimator(**QUICK)},
            "estimator is GRU4RecEstimator, but the fitted network, which is to be trained on, is "
            "that of SASRecEstimator; set it back, or fit anew with warm_start=False.",
        ),
        ({"estimator__n_layers": 2}, "n_layers=2, but the fitted network"),
        ({"user_threshold": 3}, "user_threshold=3, but the fitted network"),
    ],
)
def test_another_network_is_not_trained_on(shop, parameters, text):
    model = melt().fit(shop).set_params(**parameters)
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        model.partial_fit(shop)


@pytest.mark.parametrize(
    ("parameters", "kind"), [({"user_quantile": 1.0}, "user"), ({"item_quantile": 1.0}, "item")]
)
def test_a_branch_without_heads_is_left_out_with_a_warning(shop, parameters, kind):
    text = (
        f"there are no head {kind}s to learn from, so MELTEstimator leaves the {kind} branch out; "
        f"lower {kind}_quantile, or set {kind}_threshold."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        model = melt(backbone={"max_length": 50}, **parameters).fit(shop)
    assert (model.user_threshold_ == 1) == (kind == "user")


def test_unknown_items_with_features_are_read(shop):
    model = melt().fit(shop)
    ids = [*shop.catalog.item_ids.tolist(), 99]
    features = np.concatenate([shop.catalog.features, np.ones((1, 16))])
    X = Interactions.from_sequences([[99, ids[0]]], catalog=Catalog(ids, features))
    assert np.isfinite(model.decision_function(X.next_queries())).all()
