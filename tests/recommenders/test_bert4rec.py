"""BERT4RecEstimator: what is masked, what is context, and right answers at prediction."""
# SPDX-License-Identifier: BSD-3-Clause

from collections import Counter

import numpy as np
import pytest

from skace import Interactions, leave_last_out
from skace._torch._layouts import ClozeLayout
from skace._torch.training._trainer import Trainer
from skace.datasets import make_cycle
from skace.recommenders import BERT4RecEstimator

QUICK = {
    "k": 2,
    "n_layers": 1,
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
def model(cycle):
    return BERT4RecEstimator(**(QUICK | {"learning_rate": 0.01, "max_epochs": 8})).fit(cycle)


@pytest.fixture
def batches(monkeypatch):
    """All batches that were trained on."""
    seen, step = [], Trainer.step

    def remember(trainer, batch):
        seen.append(batch)
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "step", remember)
    return seen


def distinct(X):
    """Rows of the same users whose items are all different: item = position in the log."""
    catalog = np.arange(X._log.n_events)
    return Interactions(X.users, catalog, X.timestamps)


def read(batches):
    """Items that were seen, and those that were asked for, with how often."""
    context, targets = set(), Counter()
    for batch in batches:
        is_masked, is_read = batch.context["is_masked"], batch.context["is_read"]
        context |= set(batch.items[is_read & ~is_masked].tolist())
        targets.update(batch.targets[is_masked].tolist())
    return context, targets


@pytest.mark.parametrize("max_length", [2, 50, pytest.param(3, marks=pytest.mark.minutes)])
@pytest.mark.parametrize("early_stopping", [True, pytest.param(False, marks=pytest.mark.minutes)])
def test_nothing_after_the_last_training_row_of_a_user_is_seen_or_asked_for(
    cycle, batches, max_length, early_stopping
):
    X = distinct(cycle)
    train, last = leave_last_out(X)
    sizes = {"max_length": max_length, "early_stopping": early_stopping, "max_epochs": 30}
    # Half of the events are masked, so that 30 epochs ask for each.
    often = {"mask_ratio": 0.5, "batch_size": 64, "embedding_dim": 4, "n_iter_no_change": 30}
    BERT4RecEstimator(**(QUICK | sizes | often)).fit(train)
    context, targets = read(batches)
    later = set(last.items.tolist())
    if early_stopping:  # the last row of the training rows is held out
        later |= set(leave_last_out(train)[1].items.tolist())
    first = set(X.items[X._ends == X._starts].tolist())
    assert not later & (context | targets.keys())
    # Every other row has its turn, but not the first event of a user, which has no past.
    assert targets.keys() == set(X.items.tolist()) - later - first
    assert context >= first


def test_later_events_of_the_log_change_nothing(cycle):
    train, last = leave_last_out(cycle)
    items = cycle.items.copy()
    items[last._ends] = (items[last._ends] + 3) % 7
    other = Interactions(cycle.users, items, cycle.timestamps, catalog=cycle.catalog)
    one = BERT4RecEstimator(**QUICK).fit(train)
    two = BERT4RecEstimator(**QUICK).fit(leave_last_out(other)[0])
    assert one.loss_curve_ == two.loss_curve_
    np.testing.assert_array_equal(one.item_vectors_, two.item_vectors_)


@pytest.mark.parametrize("rows", [slice(3, 5), slice(6, 9)])
def test_events_that_are_not_rows_are_context_only(cycle, batches, rows):
    X = distinct(cycle)
    chosen = np.concatenate([np.arange(9)[rows] + 9 * user for user in range(12)])
    BERT4RecEstimator(**(QUICK | {"max_epochs": 30, "batch_size": 64, "embedding_dim": 4})).fit(
        X[chosen]
    )
    context, targets = read(batches)
    assert targets.keys() == set(X[chosen].items.tolist())
    # The last row is always masked or without others after it.
    assert context > set(X[chosen].items.tolist()) - set(X.items[rows.stop - 1 :: 9].tolist())


@pytest.mark.parametrize(("mask_ratio", "n_masked"), [(0.2, (1, 2)), (1.0, (5, 5))])
def test_an_epoch_learns_from_the_masked_rows_only(cycle, batches, mask_ratio, n_masked):
    sizes = {"mask_ratio": mask_ratio, "finetune_ratio": 0.0, "max_epochs": 1}
    BERT4RecEstimator(**(QUICK | sizes | {"long_sequences": "truncate"})).fit(cycle)
    counts = np.concatenate([batch.context["is_masked"].sum(dim=1) for batch in batches])
    assert len(counts) == 12
    assert n_masked[0] <= counts.mean() <= n_masked[1]
    assert counts.min() >= 1


def test_partial_fit_masks_new_rows_only(cycle, batches):
    X = distinct(cycle)
    train, new = leave_last_out(X)
    model = BERT4RecEstimator(**(QUICK | {"embedding_dim": 4})).fit(train)
    batches.clear()
    model.partial_fit(new)
    context, targets = read(batches)
    assert targets == Counter(new.items.tolist())
    assert context <= set(train.items.tolist())


@pytest.mark.parametrize("finetune_ratio", [0.0, 0.5, 1.0])
def test_the_same_seed_gives_the_same_model_and_another_seed_another(cycle, finetune_ratio):
    models = [
        BERT4RecEstimator(**(QUICK | {"finetune_ratio": finetune_ratio, "random_state": seed}))
        for seed in (0, 0, 1)
    ]
    first, again, other = (model.fit(cycle).decision_function(cycle) for model in models)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


# Answers.


def test_scores_are_inner_products_with_the_item_vectors(model, cycle):
    queries = cycle.next_queries()
    products = model.encode(queries) @ model.item_vectors_.T
    np.testing.assert_allclose(model.decision_function(queries), products, atol=1e-5)
    assert model.item_vectors_.shape == (7, 8)


HISTORIES = [[3], [1, 2], [4, 5, 6, 0, 1, 2, 3, 4], [6, 0, 1]]


@pytest.mark.parametrize("history", HISTORIES)
def test_a_history_is_answered_alike_alone_and_beside_others(model, history):
    alone = model.decision_function([history])[0]
    together = model.decision_function([*HISTORIES, history])
    np.testing.assert_allclose(together[-1], alone, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(together[HISTORIES.index(history)], alone, rtol=1e-5, atol=1e-5)


def test_the_last_max_length_events_count(model):
    long, last, shorter = [6, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4]
    scores = model.decision_function([long, last, shorter])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-5)
    assert np.abs(scores[1] - scores[2]).max() > 1e-4


@pytest.mark.parametrize("place", range(4))
def test_every_event_of_the_history_is_read(model, place):
    history = [1, 2, 3, 4]
    changed = history.copy()
    changed[place] = 6
    one, other = model.decision_function([history, changed])
    assert np.abs(one - other).max() > 1e-5


def test_one_event_is_enough_to_read(cycle):
    model = BERT4RecEstimator(**(QUICK | {"max_length": 1})).fit(cycle)
    scores = model.decision_function([[1], [2], [1, 2]])
    assert np.abs(scores[0] - scores[1]).max() > 1e-6
    np.testing.assert_allclose(scores[1], scores[2], rtol=1e-5, atol=1e-6)


def test_prediction_draws_nothing(model, cycle, monkeypatch):
    scores = model.decision_function(cycle)
    monkeypatch.setattr(ClozeLayout, "batch", None)
    np.testing.assert_array_equal(model.decision_function(cycle), scores)


def test_the_mask_belongs_to_the_encoder(model):
    assert model.encoder_state_["mask.weight"].shape == (1, 8)
    assert model.encoder_state_["mask.weight"].any()
    assert model.encoder_state_["positions.weight"].shape == (6, 8)
    assert model.item_table_state_.keys() == {"weight"}


@pytest.mark.parametrize("name", ["mask_ratio", "finetune_ratio"])
def test_how_masks_were_drawn_is_no_part_of_the_network(model, cycle, name):
    scores = model.decision_function(cycle)
    other = BERT4RecEstimator(**(QUICK | {"learning_rate": 0.01, "max_epochs": 8})).fit(cycle)
    other.set_params(**{name: 0.9}).partial_fit(cycle[:0])
    np.testing.assert_array_equal(other.decision_function(cycle), scores)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mask_ratio", 0.0), ("mask_ratio", 1.1), ("finetune_ratio", -0.1), ("finetune_ratio", 1.5)],
)
def test_shares_out_of_range_are_refused(cycle, name, value):
    with pytest.raises(ValueError, match=f"^The '{name}' parameter of BERT4RecEstimator must be"):
        BERT4RecEstimator(**(QUICK | {name: value})).fit(cycle)
