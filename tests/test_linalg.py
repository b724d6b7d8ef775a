"""Tests of sums and spectra of matrices read in blocks, against plain numpy."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.covariance import ledoit_wolf_shrinkage

from skace import _row_blocks
from skace._linalg import (
    fix_signs,
    ledoit_wolf_intensity,
    numerical_rank,
    right_singular_pairs,
    singular_values,
)
from skace._row_blocks import project_rows, row_blocks
from skace._row_moments import RowMoments, accumulate_moments


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, so that small matrices take several."""
    monkeypatch.setattr(_row_blocks, "_BLOCK_BYTES", 8 * 5 * 7)  # 7 rows of 5 columns


def _rows(n=40, d=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * [3, 1, 1, 0.5, 0.2][:d] + 1.0


def _full(lower):
    return np.tril(lower) + np.tril(lower, -1).T


def _unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 5000))
def test_row_blocks_cover_every_row_once(n_rows, n_columns, block_bytes):
    rows = [
        row for part in row_blocks(n_rows, n_columns, block_bytes) for row in range(n_rows)[part]
    ]
    assert rows == list(range(n_rows))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_moments_equal_plain_sums(normalize, keep_rows, center, dtype):
    X = _rows().astype(dtype)
    exact = X.astype(np.float64)
    exact = _unit(exact) if normalize else exact
    exact_about = exact - exact.mean(axis=0) if center else exact
    sums = accumulate_moments(X, normalize=normalize, keep_rows=keep_rows)
    assert (sums.n_rows, sums.weight, sums.used_weight) == (40, 40.0, 40.0)
    assert_allclose(sums.mean, exact.mean(axis=0), rtol=1e-12)
    assert_allclose(_full(sums.second_moment(center)), exact_about.T @ exact_about, atol=1e-11)
    assert_allclose(sums.trace(center), np.sum(exact_about**2), rtol=1e-12)
    assert_allclose(sums.unit_sum, _unit(exact).sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("n", [3, 40])
def test_singular_pairs_equal_the_svd(n, keep_rows):
    X = _rows(n)
    sums = accumulate_moments(X, keep_rows=keep_rows)
    values, vectors = right_singular_pairs(sums, center=False)
    expected = np.linalg.svd(X, full_matrices=False)
    r = min(n, 5)
    assert_allclose(values[:r], expected[1], rtol=1e-10)
    assert_allclose(singular_values(sums, center=False), values, atol=1e-6)
    assert_allclose(vectors[:r], fix_signs(expected[2]), atol=1e-9)


@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planted_singular_values_are_recovered(dtype, keep_rows):
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (50, 9))
    X = (left * [3.142, 2.718, 0.01] @ right.T).astype(dtype)
    values, _ = right_singular_pairs(accumulate_moments(X, keep_rows=keep_rows), center=False)
    assert_allclose(values[:3], [3.142, 2.718, 0.01], rtol=1e-5 if dtype == np.float32 else 1e-9)
    assert numerical_rank(values, 9) == 3


@pytest.mark.parametrize("keep_rows", [False, True])
def test_a_large_common_mean_costs_no_digits(keep_rows):
    # The plain route, X^T X minus n mean mean^T, leaves no correct digit of this spectrum.
    X = _rows(200) + 1e9
    expected = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    sums = accumulate_moments(X, keep_rows=keep_rows)
    assert_allclose(singular_values(sums, center=True), expected, rtol=1e-5)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_whole_weights_equal_repeated_rows(keep_rows, center):
    X = _rows()
    weights = np.random.default_rng(1).integers(0, 4, 40)
    weighted = accumulate_moments(X, sample_weight=weights, keep_rows=keep_rows)
    repeated = accumulate_moments(np.repeat(X, weights, axis=0), keep_rows=keep_rows)
    assert weighted.weight == repeated.weight
    for name in ("mean", "unit_sum"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)
    values, expected = (singular_values(sums, center) for sums in (weighted, repeated))
    assert_allclose(values, expected, rtol=1e-10)
    assert_allclose(
        ledoit_wolf_intensity(weighted, values, center),
        ledoit_wolf_intensity(repeated, expected, center),
        rtol=1e-9,
    )


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("keep_first", [False, True])
def test_sums_in_two_steps_equal_one(keep_first):
    X = _rows()
    first = accumulate_moments(X[:9], normalize=True, keep_rows=keep_first)
    state = {name: np.copy(value) for name, value in first.state().items()}
    both = accumulate_moments(X[9:], start=first)
    once = accumulate_moments(X, normalize=True)
    assert both.n_rows == 40
    for center in (False, True):
        assert_allclose(
            _full(both.second_moment(center)), _full(once.second_moment(center)), atol=1e-12
        )
        values = singular_values(once, center)
        assert_allclose(
            ledoit_wolf_intensity(both, values, center),
            ledoit_wolf_intensity(once, values, center),
            rtol=1e-10,
        )
    for name, value in first.state().items():
        assert_array_equal(value, state[name], err_msg=f"{name} was modified")


def test_state_leads_back_to_the_same_sums():
    sums = accumulate_moments(_rows(), normalize=True)
    again = RowMoments(**sums.state())
    assert_array_equal(again.second_moment(center=True), sums.second_moment(center=True))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_zero_rows_count_as_rows_but_not_in_the_mean(keep_rows, normalize):
    X = _rows()
    holes = np.insert(X, [0, 0, 0, 0, 0, 0, 0, 0, 9, 40], 0.0, axis=0)  # a whole block first
    sums = accumulate_moments(holes, keep_rows=keep_rows, normalize=normalize)
    without = accumulate_moments(X, normalize=normalize)
    assert (sums.n_rows, sums.weight, sums.used_weight) == (50, 50.0, 40.0)
    assert_allclose(sums.mean, without.mean, rtol=1e-12)
    for center in (False, True):
        assert_allclose(
            _full(sums.second_moment(center)), _full(without.second_moment(center)), atol=1e-11
        )


@pytest.mark.parametrize("keep_rows", [False, True])
def test_zero_rows_can_count_like_any_other(keep_rows):
    X = np.vstack([_rows(), np.zeros((9, 5))])
    sums = accumulate_moments(X, skip_zeros=False, keep_rows=keep_rows)
    assert (sums.n_zero, sums.used_weight) == (9, 49.0)
    assert_allclose(sums.mean, X.mean(axis=0), atol=1e-14)
    expected = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    assert_allclose(singular_values(sums, center=True), expected, rtol=1e-9)


def test_only_zero_rows_give_rank_zero():
    sums = accumulate_moments(np.zeros((4, 3)))
    values = singular_values(sums, center=False)
    assert_array_equal(values, np.zeros(3))
    assert numerical_rank(values, 3) == 0


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_named(bad):
    X = _rows()
    X[[17, 30], 2] = bad
    found = "NaN" if np.isnan(bad) else "infinity"
    with pytest.raises(ValueError, match=f"^X contains {found}, first in row 17; drop such rows"):
        accumulate_moments(X)
    with pytest.raises(ValueError, match=f"^X contains {found}, first in row 17"):
        project_rows(X, np.eye(5))


@pytest.mark.parametrize(("value", "normalize"), [(1e80, False), (1e308, True)])
def test_rows_whose_powers_overflow_are_refused(value, normalize):
    X = _rows()
    X[3] = value
    with pytest.raises(ValueError, match=r"^X is too large: row 3 has length .*divide it by"):
        accumulate_moments(X, normalize=normalize)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_directions_do_not_depend_on_the_size_of_the_rows(size):
    X = _rows()
    values = singular_values(accumulate_moments(X * size, normalize=True), center=False)
    assert_allclose(values, np.linalg.svd(_unit(X), compute_uv=False), rtol=1e-10)


def test_fix_signs_makes_the_largest_entry_positive():
    vectors = np.array([[0.1, -0.9], [0.8, 0.3], [-0.5, 0.4]])
    assert_array_equal(fix_signs(vectors), [[-0.1, 0.9], [0.8, 0.3], [0.5, -0.4]])


@pytest.mark.parametrize(
    ("values", "rank"), [([], 0), ([0.0, 0.0], 0), ([1.0, 1e-3], 2), ([1.0, 1e-9], 1)]
)
def test_numerical_rank_leaves_out_rounding(values, rank):
    assert numerical_rank(np.array(values), 4) == rank


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("keep_rows", [False, True])
@pytest.mark.parametrize("n", [3, 20, 500])
def test_ledoit_wolf_intensity_equals_that_of_scikit_learn(n, keep_rows, center):
    X = _rows(n)
    sums = accumulate_moments(X, keep_rows=keep_rows)
    intensity = ledoit_wolf_intensity(sums, singular_values(sums, center), center)
    assert_allclose(intensity, ledoit_wolf_shrinkage(X, assume_centered=not center), rtol=1e-8)


def test_ledoit_wolf_shrinks_isotropic_rows_completely():
    sums = accumulate_moments(np.eye(4))
    assert ledoit_wolf_intensity(sums, singular_values(sums, center=False), center=False) == 1.0


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("normalize", [False, True])
def test_projection_equals_the_product(dtype, normalize):
    X, weights, mean = _rows(), np.random.default_rng(1).normal(size=(5, 2)), np.arange(5.0)
    projected = project_rows(X, weights, mean=mean, normalize=normalize, dtype=dtype)
    expected = ((_unit(X) if normalize else X) - mean) @ weights
    assert projected.dtype == dtype
    assert_allclose(projected, expected, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6)


def test_projection_of_a_zero_row_is_zero_even_with_a_mean():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    projected = project_rows(X, np.eye(2), mean=np.ones(2))
    assert_array_equal(projected, [[0.0, 0.0], [0.0, 1.0]])


def test_kept_rows_are_needed_to_ask_for_them():
    sums = accumulate_moments(_rows(), keep_rows=True)
    assert_allclose(sums.weighted_rows(center=False), _rows(), rtol=1e-12)
    assert sums.condensed().condensed().rows.size == 0


@pytest.mark.usefixtures("small_blocks")
def test_inputs_are_not_modified():
    X = _rows()
    before = X.copy()
    X.flags.writeable = False
    accumulate_moments(X, normalize=True)
    project_rows(X, np.eye(5), mean=np.ones(5), normalize=True)
    assert_array_equal(X, before)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("n_vectors", [1, 3, 8])
def test_few_vectors_are_the_first_of_all(center, n_vectors):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 8)) * 2.0 ** -np.arange(8) + 1
    sums = accumulate_moments(X)
    values, vectors = right_singular_pairs(sums, center)
    found, first = right_singular_pairs(sums, center, n_vectors)
    np.testing.assert_allclose(found, values, rtol=1e-10)
    np.testing.assert_allclose(first, vectors[:n_vectors], atol=1e-10)


def test_few_vectors_of_equal_values_are_orthonormal():
    sums = accumulate_moments(np.eye(12))
    values, vectors = right_singular_pairs(sums, center=False, n_vectors=5)
    np.testing.assert_allclose(values, np.ones(12), rtol=1e-12)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(5), atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("size", [1e-10, 1.0, 1e10])
def test_products_in_float32_are_off_by_less_than_they_say(center, size):
    X = (size * _rows(200)).astype(np.float32)
    sums, exact = (accumulate_moments(X, single=single) for single in (True, False))
    errors = np.linalg.eigvalsh(_full(sums.gram - exact.gram))
    assert 0 < np.abs(errors).max() < sums.rounding < 1e-6 * sums.square
    assert exact.rounding == 0.0
    assert_allclose(singular_values(sums, center), singular_values(exact, center), rtol=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_products_that_float32_cannot_hold_have_no_right_digit(size):
    with np.errstate(over="ignore"):
        sums = accumulate_moments((size * _rows()).astype(np.float32), single=True)
    assert sums.rounding == np.inf


def test_rounding_of_products_hides_small_values_from_the_rank():
    values = np.array([1.0, 1e-2, 1e-5])
    assert (numerical_rank(values, 4), numerical_rank(values, 4, rounding=1e-8)) == (3, 2)


def test_later_rows_are_added_as_the_first_ones_were():
    X = _rows().astype(np.float32)
    once = accumulate_moments(X, single=True)
    both = accumulate_moments(X[9:], start=accumulate_moments(X[:9], single=True))
    assert both.is_single
    assert_allclose(
        both.second_moment(center=True), once.second_moment(center=True), rtol=1e-4, atol=1e-4
    )
