"""Tests of votes whose weights are learned."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skace.datasets import make_cycle, make_shop
from skace.metrics import ndcg_at_k, ranking_scorer
from skace.model_selection import leave_last_out
from skace.recommenders import (
    EASEEstimator,
    PopularityEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)
from skace.recommenders.ensembles._stacking import _is_first, _ranks, best_shares


def members():
    return [
        ("ease", EASEEstimator(regularization=5)),
        ("slist", SLISTEstimator()),
        ("top", PopularityEstimator()),
    ]


@pytest.fixture(scope="module")
def shop():
    X = make_shop(n_users=80, n_items=50, n_events=800, random_state=0).interactions
    return leave_last_out(X)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_among_candidates_are_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    evidence = rng.integers(0, 3, size=(2, 30, 6)).astype(np.float32)
    is_rival = rng.uniform(size=(30, 6)) < 0.7
    is_rival[:, 0] = True
    weights = np.array([0.25, 0.75])
    expected = []
    for row in range(30):
        scores = weights @ evidence[:, row]
        others = scores[1:][is_rival[row, 1:]]
        expected.append((others > scores[0]).sum() + 0.5 * (others == scores[0]).sum())
    assert_array_equal(_ranks(weights, evidence, is_rival), expected)


@pytest.mark.parametrize(
    "goal", [[1.0], [0.3, 0.7], [1.0, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [0.1, 0.2, 0.3, 0.4]]
)
def test_search_finds_the_best_shares(goal):
    goal = np.array(goal)
    weights, best = best_shares(lambda w: -((w - goal) ** 2).sum(), goal.size)
    assert_allclose(weights, goal, atol=0.02)
    assert_allclose(weights.sum(), 1)
    assert best == -((weights - goal) ** 2).sum()


def test_repeats_after_the_first_are_no_rivals():
    columns = np.array([[4, 1, 4, 1, 2], [0, 0, 0, 3, 3]])
    expected = [[True, True, False, False, True], [True, False, False, True, False]]
    assert_array_equal(_is_first(columns), expected)


@pytest.mark.parametrize("metric", ["ndcg@10", "recall@5", "mrr"])
def test_weights_rank_the_held_out_rows_best(shop, metric):
    train, _ = shop
    model = StackingRecommender(members(), n_candidates=50, metric=metric).fit(train)
    rest, held_out = leave_last_out(train)
    assert model.n_validation_rows_ == len(held_out)

    def score(weights):
        vote = VotingRecommender(members(), weights=weights).fit(rest)
        return ranking_scorer([metric])(vote, held_out)[metric]

    found = score(model.weights_.tolist())
    assert_allclose(model.validation_score_, found, atol=0.002)
    assert found >= max(score(w) for w in [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 3, 1]])


def test_members_learn_from_all_rows_in_the_end(shop):
    train, test = shop
    model = StackingRecommender(members()).fit(train)
    expected = EASEEstimator(regularization=5).fit(train)
    ease = model.named_estimators_["ease"]
    assert_array_equal(ease.item_counts_, expected.item_counts_)
    assert_array_equal(ease.decision_function(test), expected.decision_function(test))


def test_given_validation_rows_are_what_the_weights_come_from(shop):
    train, _ = shop
    rest, held_out = leave_last_out(train)
    model = StackingRecommender(members()).fit(rest, X_val=held_out)
    by_itself = StackingRecommender(members()).fit(train)
    assert_allclose(model.weights_, by_itself.weights_, atol=1e-6)
    assert_array_equal(model.item_counts_.sum(), len(rest))


def test_stack_is_not_worse_than_its_parts_on_the_rows_of_the_weights(shop):
    train, _ = shop
    rest, held_out = leave_last_out(train)
    model = StackingRecommender(members()).fit(rest, X_val=held_out)
    alone = [ndcg_at_k(clone(m).fit(rest).target_ranks(held_out), 10) for _, m in members()]
    assert model.score(held_out) >= max(alone)


def test_useless_members_get_no_weight():
    X = make_cycle(n_users=60, n_items=6, length=8, random_state=0)
    parts = [("slist", SLISTEstimator(alpha=0)), ("top", PopularityEstimator())]
    model = StackingRecommender(parts, k=1).fit(X)
    assert model.weights_[0] == 1


@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_share_of_the_users_is_held_out(shop, fraction):
    train, _ = shop
    model = StackingRecommender(members(), validation_fraction=fraction, random_state=0)
    n_users = np.unique(train.users).size
    assert model.fit(train).n_validation_rows_ == round(fraction * n_users)


def test_seen_items_are_no_rivals_when_they_are_excluded(shop):
    train, test = shop
    model = StackingRecommender(members(), exclude_seen=True).fit(train)
    plain = StackingRecommender(members()).fit(train)
    assert not np.array_equal(model.weights_, plain.weights_)
    assert np.isfinite(model.weights_).all()
    assert np.isinf(model.target_ranks(test)).sum() > np.isinf(plain.target_ranks(test)).sum()


def test_validation_rows_without_a_past_are_refused():
    X = make_cycle(n_users=20, n_items=6, length=4, random_state=0)
    first = X[X._ends == X._starts]
    other = X[np.flatnonzero(X._ends > X._starts)]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        StackingRecommender(members(), k=1).fit(other, X_val=first)
    assert str(caught.value) == (
        "no row of X_val has a past, so the weights cannot be learned from it; give rows that are "
        "not the first of their user."
    )


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("ndcg@10[uni100]", "metric='ndcg@10[uni100]' samples; name one without '[uniN]'."),
        ("auc", "'auc' is not the name of a metric; valid names are "),
    ],
)
def test_metrics_that_cannot_be_searched_are_refused(metric, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        StackingRecommender(members(), k=1, metric=metric).fit([["a", "b", "c"], ["b", "c"]])
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("parameters", "inputs", "n_rows"),
    [
        ({"exclude_seen": True}, {"X": [["a", "b", "a"], ["b", "a", "b"]]}, 2),
        ({}, {"X": [["a", "b", "c"], ["b", "c"]], "X_val": [["a", "z"]]}, 2),
    ],
    ids=["seen targets", "unknown targets"],
)
def test_validation_rows_that_tell_nothing_are_refused(parameters, inputs, n_rows):
    members = [("a", EASEEstimator()), ("b", PopularityEstimator())]
    model = StackingRecommender(members, k=2, **parameters)
    text = (
        f"none of the {n_rows} validation row(s) tells anything about the weights: their "
        "histories are empty, or the model does not know their items or may not recommend them; "
        "pass another X_val, or set exclude_seen=False."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.fit(**inputs)
    assert not hasattr(model, "weights_")
