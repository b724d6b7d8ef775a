"""The solution by one inverse agrees with one constrained regression per column."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace.recommenders.linear._closed_form import Bound, invert, row_slices, solve

SIZES = [1, 2, 64, 65, 150]  # blocks have 64 rows at least


class DensePrior:
    """Any matrix as a prior."""

    def __init__(self, pull):
        self.pull = pull  # strength times C

    def add_to(self, weights, inverse):
        weights += inverse @ self.pull


def problem(n, seed=0, n_rows=None):
    """Gram matrix, ridge, and products with targets of a random regression."""
    rng = np.random.default_rng(seed)
    n_rows = n + 3 if n_rows is None else n_rows
    inputs = (rng.uniform(size=(n_rows, n)) < 0.4).astype(np.float64)
    targets = inputs * rng.uniform(0.0, 2.0, size=inputs.shape)
    return inputs.T @ inputs, rng.uniform(0.5, 4.0, size=n), inputs.T @ targets


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (64, 64), (65, 65), (200, 7), (9000, 2)])
def test_slices_cover_the_rows_once_and_in_order(shape):
    matrix = np.empty(shape, dtype=np.float32)
    rows = [row for part in row_slices(matrix) for row in range(part.start, part.stop)]
    assert rows == list(range(shape[0]))


def test_a_slice_is_small_beside_a_large_matrix_and_never_above_32_mib():
    steps = {n: next(row_slices(np.empty((n, 4), dtype=np.float32))).stop for n in (10, 9600)}
    assert steps == {10: 10, 9600: 150}
    wide = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (20_000, 65_536), (0, 0))
    assert next(row_slices(wide)) == slice(0, 128)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("n", SIZES)
def test_inverse_is_that_of_the_sum_in_both_triangles(n, dtype, tolerance):
    gram, ridge, _ = problem(n)
    kept = sp.csr_array(gram)
    inverse = invert(kept, ridge, dtype).matrix
    assert_allclose(inverse, np.linalg.inv(gram + np.diag(ridge)), atol=tolerance)
    assert_array_equal(inverse, inverse.T)
    assert inverse.dtype == dtype
    assert inverse.flags.c_contiguous
    assert_array_equal(kept.toarray(), gram)


def test_size_of_an_inverse_is_that_of_its_matrix():
    gram, ridge, _ = problem(5)
    assert invert(sp.csr_array(gram), ridge, "float32").n_bytes == 100


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [("float32", "raise the regularization, or set dtype='float64'."), ("float64", None)],
)
def test_an_indefinite_matrix_is_refused_with_the_remedy(dtype, remedy):
    text = (
        "the regularised Gram matrix of the items is not positive definite (smallest value added "
        f"to its diagonal: -2.5); {remedy or 'raise the regularization.'}"
    )
    gram = sp.csr_array(np.array([[3.0, 1.0], [1.0, 2.0]]))
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        invert(gram, np.array([1.0, -2.5]), dtype)


def test_a_negative_ridge_is_legal_while_the_sum_is_positive_definite():
    gram = np.array([[3.0, 1.0], [1.0, 2.0]])
    found = invert(sp.csr_array(gram), np.array([-1.0, -1.0]), "float64").matrix
    assert_allclose(found, [[1.0, -1.0], [-1.0, 2.0]], atol=1e-14)


@pytest.mark.parametrize(
    ("bound", "excess", "is_active"),
    [
        (Bound(0.5, is_equality=True), [-0.75, 0.0, 0.25], [True, True, True]),
        (Bound(0.5, is_equality=False), [0.0, 0.0, 0.25], [False, False, True]),
    ],
)
def test_bound_tells_what_is_too_much(bound, excess, is_active):
    diagonal = np.array([-0.25, 0.5, 0.75])
    assert_array_equal(bound.excess(diagonal), excess)
    assert_array_equal(np.broadcast_to(bound.is_active(diagonal), 3), is_active)


def test_two_items_by_hand():
    # G = [[2, 1], [1, 1]]: b_12 = 1 / (2 + 1), b_21 = 1 / (1 + 3).
    gram, ridge = sp.csr_array(np.array([[2.0, 1.0], [1.0, 1.0]])), np.array([1.0, 3.0])
    inverse = invert(gram, ridge, "float64").matrix
    weights = solve(inverse, ridge, bound=Bound(0.0, is_equality=True))
    assert_allclose(weights, [[0.0, 1 / 3], [1 / 4, 0.0]], atol=1e-15)


bounds = st.one_of(
    st.none(),
    st.builds(Bound, st.floats(-0.5, 1.0), is_equality=st.just(True)),  # noqa: FBT003 - a strategy
    st.builds(Bound, st.floats(-0.5, 1.0), is_equality=st.just(False)),  # noqa: FBT003
)


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    bound=bounds,
    has_targets=st.booleans(),
    has_prior=st.booleans(),
)
def test_weights_solve_one_constrained_regression_per_column(
    solve_by_columns, n, seed, bound, has_targets, has_prior
):
    gram, ridge, products = problem(n, seed)
    pull = np.random.default_rng(seed).normal(size=(n, n))
    inverse = invert(sp.csr_array(gram), ridge, "float64").matrix
    before = inverse.copy()
    weights = solve(
        inverse,
        ridge,
        cross=sp.csr_array(products) if has_targets else None,
        prior=DensePrior(pull) if has_prior else None,
        bound=bound,
    )
    wanted = (products if has_targets else gram) + (pull if has_prior else 0)
    rule = {} if bound is None else {"equal" if bound.is_equality else "at_most": bound.value}
    expected = solve_by_columns(gram + np.diag(ridge), wanted, **rule)
    assert_allclose(weights, expected, atol=1e-8)
    assert_array_equal(inverse, before)


@pytest.mark.parametrize("has_targets", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_bounds_hold_exactly_where_they_are_active_and_only_there(n, has_targets):
    gram, ridge, products = problem(n)
    inverse = invert(sp.csr_array(gram), ridge, "float64").matrix
    cross = sp.csr_array(products) if has_targets else None
    free = solve(inverse, ridge, cross=cross)
    limit = float(np.median(free.diagonal()))
    weights = solve(inverse, ridge, cross=cross, bound=Bound(limit, is_equality=False))
    is_active = free.diagonal() > limit
    assert n == 1 or 0 < is_active.sum() < n
    assert_array_equal(weights.diagonal()[is_active], np.full(is_active.sum(), limit))
    assert_array_equal(weights[:, ~is_active], free[:, ~is_active])
    held = solve(inverse, ridge, cross=cross, bound=Bound(limit, is_equality=True))
    assert_array_equal(weights[:, is_active], held[:, is_active])


@pytest.mark.parametrize("n", SIZES)
def test_no_targets_are_the_inputs_as_targets(n):
    gram, ridge, _ = problem(n)
    inverse = invert(sp.csr_array(gram), ridge, "float64").matrix
    assert_allclose(
        solve(inverse, ridge), solve(inverse, ridge, cross=sp.csr_array(gram)), atol=1e-12
    )


@pytest.mark.parametrize("bound", [None, Bound(0.0, is_equality=True)])
def test_weights_have_the_precision_of_the_inverse(bound):
    gram, ridge, products = problem(70)
    exact = invert(sp.csr_array(gram), ridge, "float64").matrix
    coarse = invert(sp.csr_array(gram), ridge, "float32").matrix
    for cross in (None, sp.csr_array(products)):
        found = solve(coarse, ridge, cross=cross, bound=bound)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert_allclose(found, solve(exact, ridge, cross=cross, bound=bound), atol=1e-4)
