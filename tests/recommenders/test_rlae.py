"""RLAE and RDLAE: the bound of the diagonal, by brute force, and what it is between."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace.recommenders import EASEEstimator, RLAEEstimator

DROPOUTS = pytest.mark.parametrize("dropout", [0.0, 0.4])
EXACT = {"k": 2, "regularization": 1.5, "dtype": "float64"}


def rlae(**parameters):
    """RLAE in double precision."""
    return RLAEEstimator(**EXACT | parameters)


def hessian_of(read, model):
    """Gram matrix and what is added to it."""
    odds = model.dropout / (1 - model.dropout)
    return read.T @ read + np.diag(model.regularization + odds * read.sum(axis=0))


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    xi=st.floats(0.0, 1.0),
    regularization=st.floats(0.1, 20.0),
    dropout=st.sampled_from([0.0, 0.2, 0.9]),
)
def test_weights_minimise_the_squared_error_under_the_bound(
    make_log, sets_of, solve_by_columns, seed, xi, regularization, dropout
):
    X = make_log(seed=seed)
    model = rlae(xi=xi, regularization=regularization, dropout=dropout).fit(X)
    read, _ = sets_of(X)
    expected = solve_by_columns(hessian_of(read, model), read.T @ read, at_most=xi)
    assert_allclose(model.coef_, expected, atol=1e-8)
    assert (model.coef_.diagonal() <= xi).all()


@DROPOUTS
@pytest.mark.parametrize("is_weighted", [False, True])
def test_bounds_that_are_active_and_others_solve_the_same_problem(
    make_log, sets_of, solve_by_columns, dropout, is_weighted
):
    X = make_log(n_users=30)
    weights = np.random.default_rng(0).uniform(0, 3, size=len(X)) if is_weighted else None
    read, learned = sets_of(X, weights)
    hessian = hessian_of(read, rlae(dropout=dropout))
    free = np.linalg.solve(hessian, read.T @ learned).diagonal()
    xi = float(np.median(free))
    model = rlae(dropout=dropout, xi=xi).fit(X, sample_weight=weights)
    expected = solve_by_columns(hessian, read.T @ learned, at_most=xi)
    assert_allclose(model.coef_, expected, atol=1e-8)
    assert_array_equal(model.coef_.diagonal() == xi, free > xi)
    assert 0 < (free > xi).sum() < free.size


@DROPOUTS
@pytest.mark.parametrize("settings", [{}, {"solver": "local"}, {"n_neighbors": 3}])
def test_bound_of_zero_is_ease(make_log, dropout, settings):
    X = make_log()
    model = rlae(xi=0, dropout=dropout, **settings).fit(X)
    expected = EASEEstimator(**EXACT, dropout=dropout, **settings).fit(X)
    assert_allclose(model.decision_function(X), expected.decision_function(X), atol=1e-6)
    assert abs(model.coef_ - expected.coef_).max() < 1e-12


@DROPOUTS
@pytest.mark.parametrize("excess", [0.0, 0.1, 10.0])
def test_bound_from_the_largest_diagonal_on_is_the_plain_autoencoder(
    make_log, sets_of, dropout, excess
):
    X = make_log(n_users=20)
    read, _ = sets_of(X)
    hessian = hessian_of(read, rlae(dropout=dropout))
    ridge = np.diag(hessian - read.T @ read)
    free = np.eye(6) - np.linalg.inv(hessian) * ridge  # B = I - C diag(ridge)
    model = rlae(dropout=dropout, xi=free.diagonal().max() + excess).fit(X)
    assert_allclose(model.coef_, free, atol=1e-10)
    below = rlae(dropout=dropout, xi=free.diagonal().max() - 0.01).fit(X)
    assert np.abs(below.coef_ - free).max() > 1e-3


def test_active_bounds_share_what_the_diagonal_leaves(make_log):
    X, beside = make_log(n_users=30), ~np.eye(6, dtype=bool)
    tight, loose = (rlae(regularization=0.1, xi=xi).fit(X).coef_ for xi in (0.2, 0.6))
    assert_array_equal([tight.diagonal(), loose.diagonal()], [[0.2] * 6, [0.6] * 6])
    assert_allclose(loose[beside], tight[beside] * (1 - 0.6) / (1 - 0.2), atol=1e-12)
