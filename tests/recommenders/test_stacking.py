"""Tests of votes whose weights are learned."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime, minimize
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skace.datasets import make_cycle, make_shop
from skace.metrics import ndcg_at_k
from skace.model_selection import leave_last_out
from skace.recommenders import (
    EASEEstimator,
    PopularityEstimator,
    SLISTEstimator,
    StackingRecommender,
)
from skace.recommenders._stacking import _is_first, _surprise


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


def evidence(seed=0, n_members=3, n_rows=40, n_columns=6):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_members, n_rows, n_columns)).astype(np.float32)
    values[0, :, 0] += 1  # the first member knows something
    is_rival = rng.uniform(size=(n_rows, n_columns)) < 0.8
    is_rival[:, 0] = True
    return np.where(is_rival, values, 0), is_rival


@pytest.mark.parametrize("weights", [[1, 1, 1], [0, 0, 0], [0.3, 2, 0.1]])
def test_gradient_of_the_likelihood_is_that_of_differences(weights):
    values, is_rival = evidence()
    values = values.astype(np.float64)
    _, gradient = _surprise(np.array(weights, float), values, is_rival)
    expected = approx_fprime(weights, lambda w: _surprise(w, values, is_rival)[0], 1e-7)
    assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_likelihood_is_that_of_a_loop(seed):
    values, is_rival = evidence(seed)
    weights = np.array([0.5, 1, 2])
    total = 0.0
    for row in range(values.shape[1]):
        logits = weights @ values[:, row, is_rival[row]]
        total -= logits[0] - np.log(np.exp(logits).sum())
    assert_allclose(_surprise(weights, values, is_rival)[0], total / values.shape[1], rtol=1e-6)


def test_repeats_after_the_first_are_no_rivals():
    columns = np.array([[4, 1, 4, 1, 2], [0, 0, 0, 3, 3]])
    expected = [[True, True, False, False, True], [True, False, False, True, False]]
    assert_array_equal(_is_first(columns), expected)


def test_weights_are_those_of_the_held_out_rows(shop):
    train, _ = shop
    model = StackingRecommender(members(), n_candidates=30).fit(train)
    rest, held_out = leave_last_out(train)
    fitted = [clone(m).fit(rest) for _, m in members()]
    votes = [model._comparable(m.decision_function(held_out)) for m in fitted]
    codes = held_out._item_codes

    def surprise(weights):
        logits = sum(w * v.astype(np.float64) for w, v in zip(weights, votes, strict=True))
        own = logits[np.arange(len(codes)), codes]
        return (np.log(np.exp(logits).sum(axis=1)) - own).mean()

    found = minimize(surprise, np.ones(3), bounds=[(0, None)] * 3).x
    assert_allclose(model.weights_, found / found.sum(), atol=0.01)
    assert model.n_validation_rows_ == len(held_out)
    assert_allclose(model.weights_.sum(), 1)


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
    assert model.score(held_out) >= max(alone) - 0.01


def test_useless_members_get_little_weight():
    X = make_cycle(n_users=60, n_items=6, length=8, random_state=0)
    parts = [("slist", SLISTEstimator(alpha=0)), ("top", PopularityEstimator())]
    model = StackingRecommender(parts, k=1).fit(X)
    assert model.weights_[0] > 0.8


def test_members_without_knowledge_share_the_weight_with_a_warning():
    X = make_cycle(n_users=60, n_items=6, length=8, random_state=0)
    # Everybody goes one step on; a model of the reverse direction is always wrong.
    backwards = SLISTEstimator(alpha=0, k=1).fit(
        [sequence[::-1] for sequence in X.items.reshape(60, 8).tolist()]
    )
    model = StackingRecommender([("wrong", FrozenEstimator(backwards))], k=1)
    with pytest.warns(UserWarning, match="no estimator ranks the held-out items better"):
        model.fit(X)
    assert_allclose(model.weights_, [1.0])


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
