"""EASE and EDLAE: every item from the others, by brute force and by hand."""
# SPDX-License-Identifier: BSD-3-Clause

import pickle
from itertools import product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skace import Interactions, PopularityEstimator, leave_last_out
from skace.datasets import make_checkerboard
from skace.recommenders import EASEEstimator, SLISTEstimator


def ease(**parameters):
    """EASE in double precision."""
    return EASEEstimator(**{"k": 2, "regularization": 1.5, "dtype": "float64"} | parameters)


def ridge_of(read, model):
    """What is added to the Gram matrix."""
    odds = model.dropout / (1 - model.dropout)
    return np.diag(model.regularization + odds * read.sum(axis=0))


def test_two_items_by_hand():
    # Users of pen 2, of ink 1, of both 1: B = 1 / (2 + 1) and 1 / (1 + 1).
    model = ease(regularization=1).fit([["ink", "pen"], ["pen", "pen"]])
    assert model.item_ids_.tolist() == ["ink", "pen"]
    assert_allclose(model.coef_, [[0, 1 / 2], [1 / 3, 0]], atol=1e-15)
    assert_array_equal(model.gram_.toarray(), [[1, 1], [1, 2]])
    assert model.cross_gram_ is model.gram_


def test_one_item_is_no_reason_for_itself():
    model = ease(k=1).fit([["pen", "pen"]])
    assert_array_equal(model.coef_, [[0.0]])
    assert model.predict([["pen"]]).tolist() == [["pen"]]


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    regularization=st.floats(0.1, 50.0),
    dropout=st.sampled_from([0.0, 0.2, 0.9]),
)
def test_weights_minimise_the_squared_error_without_a_diagonal(
    make_log, sets_of, solve_by_columns, seed, regularization, dropout
):
    X = make_log(seed=seed)
    model = ease(regularization=regularization, dropout=dropout).fit(X)
    read, _ = sets_of(X)
    hessian = read.T @ read + ridge_of(read, model)
    expected = solve_by_columns(hessian, read.T @ read, equal=0.0)
    assert_allclose(model.coef_, expected, atol=1e-8)
    assert not model.coef_.diagonal().any()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_only_rows_are_targets_and_their_weights_the_values(
    make_log, sets_of, solve_by_columns, dropout, is_weighted
):
    X = make_log(n_users=12, longest=8)
    place = X._ends - X._starts
    X = X[(place >= 2) & (place < 6)]  # a past that is read, a future that is not
    weights = np.random.default_rng(0).uniform(0, 3, size=len(X)) if is_weighted else None
    model = ease(dropout=dropout).fit(X, sample_weight=weights)
    read, learned = sets_of(X, weights)
    hessian = read.T @ read + ridge_of(read, model)
    expected = solve_by_columns(hessian, read.T @ learned, equal=0.0)
    assert_allclose(model.coef_, expected, atol=1e-8)
    assert_allclose(model.gram_.toarray(), read.T @ read)
    assert_allclose(model.cross_gram_.toarray(), read.T @ learned)


def expected_products(read, dropout):
    """Products of randomly emptied inputs, over all ways to empty them, and with the targets."""
    n_items = read.shape[1]
    gram, cross = np.zeros((n_items, n_items)), np.zeros((n_items, n_items))
    for is_kept in product([False, True], repeat=n_items):
        n_kept = sum(is_kept)
        chance = (1 - dropout) ** n_kept * dropout ** (n_items - n_kept)
        inputs = read * is_kept / (1 - dropout)
        gram += chance * inputs.T @ inputs
        cross += chance * inputs.T @ read
    return gram, cross


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("seed", [0, 1])
def test_dropout_is_the_expectation_over_all_masks(
    make_log, sets_of, solve_by_columns, seed, dropout
):
    X = make_log(n_items=5, seed=seed)
    gram, cross = expected_products(sets_of(X)[0], dropout)
    expected = solve_by_columns(gram + 1.5 * np.eye(5), cross, equal=0.0)
    assert_allclose(ease(dropout=dropout).fit(X).coef_, expected, atol=1e-8)


def test_float32_is_the_default_and_near_float64(make_log):
    X = make_log(n_users=200, n_items=100, longest=20)
    model, exact = EASEEstimator(regularization=5).fit(X), ease(regularization=5).fit(X)
    assert model.coef_.dtype == np.float32
    assert exact.coef_.dtype == np.float64
    assert_allclose(model.coef_, exact.coef_, atol=1e-5)


@pytest.mark.parametrize("n_neighbors", [6, 7, 10**6])
def test_as_many_neighbors_as_items_are_all(make_log, n_neighbors):
    X = make_log()
    dense, kept = ease().fit(X), ease(n_neighbors=n_neighbors).fit(X)
    assert sp.issparse(kept.coef_)
    assert_array_equal(kept.coef_.toarray(), dense.coef_)
    assert_array_equal(kept.predict(X), dense.predict(X))


def test_few_neighbors_are_the_strongest_of_each_row(make_log):
    X = make_log(n_users=30)
    dense, kept = ease().fit(X), ease(n_neighbors=2).fit(X)
    weakest = np.sort(np.abs(dense.coef_), axis=1)[:, -2:-1]
    assert_array_equal(
        kept.coef_.toarray(), np.where(np.abs(dense.coef_) >= weakest, dense.coef_, 0)
    )
    assert kept.coef_.nnz == 12
    queries = X.next_queries()
    scores = (kept._history_weights(kept._histories(queries)) @ kept.coef_).toarray()
    assert_allclose(kept.decision_function(queries), scores, rtol=1e-6)


def test_ease_finds_the_groups_of_a_checkerboard_and_popularity_does_not():
    train, test = leave_last_out(make_checkerboard(n_users=60, n_items=12, random_state=0))
    model = EASEEstimator(regularization=5, exclude_seen=True).fit(train)
    assert_array_equal(model.target_ranks(test), np.zeros(len(test)))
    popularity = PopularityEstimator(exclude_seen=True).fit(train)
    assert popularity.score(test) < 0.8
    for X in (train, test):
        every = [estimator.target_ranks(X, exclude_seen=False) for estimator in (model, popularity)]
        assert every[0].mean() < every[1].mean()


def test_regularization_above_all_counts_leaves_cooccurrence(make_log, sets_of):
    X = make_log()
    read, _ = sets_of(X)
    counts = read.T @ read
    np.fill_diagonal(counts, 0)
    assert_allclose(1e9 * ease(regularization=1e9).fit(X).coef_, counts, rtol=1e-6, atol=1e-6)


def test_repeats_in_a_log_count_once_and_in_a_decayed_history_add_up():
    log = [["ash", "bay"], ["bay", "ash", "bay"], ["cob", "ash"]]
    model = ease(regularization=2).fit(Interactions.from_sequences(log))
    assert_array_equal(model.gram_.toarray(), [[3, 2, 1], [2, 2, 0], [1, 0, 1]])
    once, twice = model.decision_function([["bay"], ["bay", "bay"]])
    assert_array_equal(twice, once)
    once, twice = model.set_params(history_decay=1e6).decision_function([["bay"], ["bay", "bay"]])
    assert_allclose(twice, 2 * once, rtol=1e-5)


@pytest.mark.parametrize("model", [EASEEstimator(k=2), SLISTEstimator(k=2)])
def test_counts_that_later_fits_share_cannot_be_written_to(model):
    X = Interactions.from_sequences([["a", "b", "c"], ["b", "c"]])
    model = clone(model).fit(X)
    for counts in (model.gram_, model.cross_gram_):
        with pytest.raises(ValueError, match="read-only"):
            counts.data[:] = 0
    again = clone(model).fit(X)
    assert_array_equal(again.coef_, model.coef_)
    assert pickle.loads(pickle.dumps(model)).gram_.data.flags.writeable
