"""SASRecEstimator: parameters that matter, the rows it watches, what it learns."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest

from skace import Catalog, Interactions, SASRecEstimator, leave_last_out
from skace.datasets import make_cycle
from skace.losses import SampledSoftmax, Softmax
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


@pytest.mark.parametrize("block", ["post", "pre", "ligr", "hstu"])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_blocks_are_those_asked_for(cycle, block, n_layers):
    model = SASRecEstimator(**(QUICK | {"block": block, "n_layers": n_layers})).fit(cycle)
    names = model.encoder_state_.keys()
    assert len({name.split(".")[2] for name in names if ".blocks." in name}) == n_layers
    assert any("last_norm" in name for name in names) == (block != "post")
    assert any("attention_gate" in name for name in names) == (block == "ligr")
    assert any("gate_qkv" in name for name in names) == (block == "hstu")


@pytest.mark.parametrize(
    ("block", "positions", "named"),
    [
        ("post", "absolute", {"positions"}),
        ("post", "relative", {"keys", "values", "scores"}),
        ("post", "rotary", set()),
        ("post", "time", {"keys", "values", "scores", "by_octave"}),
        ("hstu", "absolute", {"positions"}),
        ("hstu", "relative", {"scores"}),
        ("hstu", "rotary", set()),
        ("hstu", "time", {"scores", "by_octave"}),
    ],
)
def test_positions_are_those_asked_for(cycle, block, positions, named):
    model = SASRecEstimator(**(QUICK | {"block": block}), positions=positions).fit(cycle)
    names = {name.split(".")[-2] for name in model.encoder_state_}
    assert names & {"positions", "keys", "values", "scores", "by_octave"} == named


def test_a_head_that_cannot_be_turned_is_refused_before_any_work():
    model = SASRecEstimator(**QUICK, embedding_dim=6, positions="rotary")
    text = (
        'positions="rotary" turns pairs of entries, but a head is 3 wide (width 6, n_heads=2); '
        "choose n_heads or embedding_dim such that it is even."
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        model.fit(Interactions.from_sequences([[1, 2, 3], [2, 3, 1]]))


@pytest.mark.parametrize("block", ["pre", "ligr"])
def test_another_block_cannot_be_trained_on(cycle, block):
    model = SASRecEstimator(**QUICK).fit(cycle).set_params(block=block)
    text = (
        f"block='{block}', but the fitted network, which is to be trained on, has block='post'; "
        "set it back, or fit anew with warm_start=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.partial_fit(cycle)


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


@pytest.mark.parametrize("loss", [Softmax(), SampledSoftmax()], ids=repr)
def test_the_loss_falls(cycle, loss, training_seed, margin):
    parameters = QUICK | {"loss": loss, "max_epochs": 15, "learning_rate": 0.01}
    curve = SASRecEstimator(**parameters | {"random_state": training_seed}).fit(cycle).loss_curve_
    margin(curve[-1] / curve[0], below=0.85)
