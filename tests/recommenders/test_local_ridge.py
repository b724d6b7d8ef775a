"""Item weights from few neighbours: the same regression on fewer items."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace.recommenders import EASEEstimator, L3AEEstimator, RLAEEstimator, SLISTEstimator
from skace.recommenders.linear import _local_ridge as local_ridge
from skace.recommenders.linear._closed_form import Bound
from skace.recommenders.linear._feature_prior import feature_prior
from skace.recommenders.linear._local_ridge import keep_strongest, solve_locally

NOT_POSITIVE = (
    "the regularised Gram matrix of an item's neighbours is not positive definite; raise the "
    "regularization."
)
NO_DIAGONAL = (
    "the regularised Gram matrix of the items has a diagonal entry that is not positive; raise "
    "the regularization."
)
BOUNDS = [None, Bound(0.0, is_equality=True), Bound(0.25, is_equality=False)]


def problem(n, seed=0):
    """Gram matrix, ridge, and products with targets of a sparse random regression."""
    rng = np.random.default_rng(seed)
    inputs = (rng.uniform(size=(n + 3, n)) < 0.3).astype(np.float64)
    targets = inputs * rng.uniform(0.0, 2.0, size=inputs.shape)
    return inputs.T @ inputs, rng.uniform(0.5, 4.0, size=n), inputs.T @ targets


def restricted_weights(gram, ridge, wanted, n_neighbors, rule, solve_by_columns):
    """Each column on the items that alone would explain most of it, and the item itself."""
    hessian = gram + np.diag(ridge)
    weights = np.zeros_like(gram)
    for item in range(len(gram)):
        gain = wanted[:, item] ** 2 / hessian.diagonal()
        gain[item] = -1
        best = [place for place in np.argsort(-gain)[:n_neighbors] if gain[place] > 0]
        places = np.sort([*best, item]).astype(int)
        part = np.ix_(places, places)
        # Of the smaller problem only the column of the item is wanted.
        column = list(places).index(item)
        found = solve_by_columns(hessian[part], wanted[part], **rule)[:, column]
        weights[places, item] = found
    return weights


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    n_neighbors=st.integers(1, 3),
    bound=st.sampled_from(BOUNDS),
    has_targets=st.booleans(),
    has_prior=st.booleans(),
)
def test_weights_solve_the_regression_on_the_strongest_candidates(
    solve_by_columns, seed, n_neighbors, bound, has_targets, has_prior
):
    gram, ridge, products = problem(6, seed)
    prior = feature_prior(
        np.random.default_rng(seed).normal(size=(6, 3)), 0.5, 2.0, normalize=False
    )
    weights = solve_locally(
        sp.csr_array(gram),
        ridge,
        n_neighbors,
        cross=sp.csr_array(products) if has_targets else None,
        prior=prior if has_prior else None,
        bound=bound,
    )
    wanted = (products if has_targets else gram) + (prior.columns(np.arange(6)) if has_prior else 0)
    rule = {} if bound is None else {"equal" if bound.is_equality else "at_most": bound.value}
    expected = restricted_weights(gram, ridge, wanted, n_neighbors, rule, solve_by_columns)
    assert_allclose(weights.toarray(), expected, atol=1e-8)


@pytest.mark.parametrize("n_neighbors", [39, 40, 10**6])
@pytest.mark.parametrize(
    "estimator",
    [
        EASEEstimator(regularization=2.0, dropout=0.2),
        RLAEEstimator(regularization=2.0, xi=0.05),
        RLAEEstimator(regularization=2.0, xi=0.5),
        L3AEEstimator(regularization=-1.0, alignment=4.0, feature_regularization=0.5),
        SLISTEstimator(regularization=0.3, alpha=0.4),
        SLISTEstimator(regularization=0.3, direction="all", xi=0.01),
    ],
    ids=["EDLAE", "RLAE, active", "RLAE, mixed", "L3AE", "SLIST", "SLIST, bounded"],
)
def test_all_items_as_neighbors_are_the_exact_solution(make_log, estimator, n_neighbors):
    X = make_log(n_users=25, n_items=40, n_features=5)
    exact = estimator.set_params(dtype="float64", solver="exact", n_neighbors=None).fit(X).coef_
    # Many pairs never meet, and yet have weights.
    assert estimator.gram_.nnz < 0.6 * exact.size
    local = estimator.set_params(solver="local", n_neighbors=n_neighbors).fit(X).coef_
    assert_allclose(local.toarray(), exact, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_local_weights_are_sparse_and_of_the_asked_precision(make_log, dtype):
    X = make_log(n_users=40, n_items=30)
    model = EASEEstimator(k=2, solver="local", n_neighbors=4, dtype=dtype).fit(X)
    assert sp.issparse(model.coef_)
    assert model.coef_.dtype == dtype
    assert (np.diff(model.coef_.tocsc().indptr) <= 4).all()
    assert not model.coef_.diagonal().any()


def test_local_needs_200_neighbors_where_the_user_does_not_say(make_log, monkeypatch):
    asked = []

    def spy(gram, ridge, n_neighbors, **parts):
        asked.append(n_neighbors)
        return solve_locally(gram, ridge, n_neighbors, **parts)

    monkeypatch.setattr("skace.recommenders.linear._base.solve_locally", spy)
    model = EASEEstimator(k=2, solver="local").fit(make_log())
    model.set_params(n_neighbors=3).fit(make_log())
    assert asked == [200, 3]


@pytest.mark.parametrize("n_neighbors", [2, 50])
def test_blocks_of_columns_change_nothing(monkeypatch, n_neighbors):
    gram, ridge, _ = problem(30)
    whole = solve_locally(sp.csr_array(gram), ridge, n_neighbors).toarray()
    monkeypatch.setattr(local_ridge, "_BLOCK_BYTES", 8 * 30 * 7)
    assert_array_equal(solve_locally(sp.csr_array(gram), ridge, n_neighbors).toarray(), whole)


def test_the_limit_of_memory_is_for_square_matrices(make_log, monkeypatch):
    monkeypatch.setattr("skace.recommenders.linear._base.invert", None)
    X = make_log(n_users=20, n_items=400)
    model = EASEEstimator(k=2, solver="local", max_memory=1e-9).fit(X)
    assert model.coef_.shape == (400, 400)
    assert model.coef_.nnz < 2000


@pytest.mark.parametrize(
    ("gram", "ridge", "text"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], [0.5, 0.5], NOT_POSITIVE),
        ([[1.0, 0.0], [0.0, 3.0]], [-1.0, -1.0], NO_DIAGONAL),
    ],
)
def test_indefinite_parts_are_refused(gram, ridge, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        solve_locally(sp.csr_array(np.array(gram)), np.array(ridge), 5)


def test_strongest_entries_of_a_row_by_hand():
    weights = np.array([[0.0, -3.0, 1.0, 2.0], [5.0, 0.0, 0.5, -0.25], [0, 0, 0, 0], [4, 3, 2, 1]])
    kept = keep_strongest(weights, 2)
    expected = [[0, -3, 0, 2], [5, 0, 0.5, 0], [0, 0, 0, 0], [4, 3, 0, 0]]
    assert_array_equal(kept.toarray(), expected)
    assert kept.nnz == 6
    assert kept.has_sorted_indices


@pytest.mark.parametrize("n_neighbors", [1, 3, 199, 200, 201])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strongest_entries_agree_with_sorting(n_neighbors, dtype):
    weights = np.random.default_rng(0).normal(size=(200, 200)).astype(dtype)
    kept = keep_strongest(weights, n_neighbors)
    least = np.sort(np.abs(weights), axis=1)[:, max(0, 200 - n_neighbors)][:, None]
    assert_array_equal(kept.toarray(), np.where(np.abs(weights) >= least, weights, 0))
    assert kept.dtype == dtype
    assert kept.nnz == 200 * min(200, n_neighbors)
