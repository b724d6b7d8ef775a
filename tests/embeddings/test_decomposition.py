"""Tests of the solvers behind ACE and of their memo."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skace.embeddings._decomposition import choose_solver, decompose, vectors_to_find

SOLVERS = ["full", "gram", "randomized"]


def _decompose(X, solver, **settings):
    settings = {"normalize": False, "center": False, "random_state": 0} | settings
    return decompose(X, solver=solver, **settings)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(60, 8), (8, 60), (20, 20)])
@pytest.mark.parametrize("rank", [3, 7])
def test_solvers_find_the_svd_of_the_rows(make_planted, solver, center, dtype, shape, rank):
    X = make_planted(0.5 ** np.arange(rank), *shape).astype(dtype)
    rows = X.astype(np.float64) - (X.mean(axis=0, dtype=np.float64) if center else 0.0)
    found = _decompose(X, solver, center=center)
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    assert found.singular_values.size == found.vectors.shape[0]
    assert_allclose(found.singular_values[:rank], values[:rank], rtol=1e-6)
    cosines = np.abs(np.sum(found.vectors[:rank] * vectors[:rank], axis=1))
    assert_allclose(cosines, 1.0, atol=1e-6)
    assert_allclose(found.trace, np.sum(rows**2), rtol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
def test_solvers_agree_on_the_rank_of_exact_products(make_planted, solver, shape):
    X = make_planted([3.142, 2.718, 1.0], *shape)
    assert _decompose(X, solver).singular_values.size == 3


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_fix_the_same_signs(make_cone, solver):
    X = make_cone()
    expected = _decompose(X, "full").vectors
    assert_allclose(_decompose(X, solver).vectors, expected, atol=1e-6)
    assert (_decompose(-X, solver).vectors * expected > -1e-6).mean() > 0.99


@pytest.mark.parametrize(
    ("n_components", "n_features", "n_vectors"),
    [
        (None, 3072, None),
        (2, 512, 128),
        (2, 511, None),
        (128, 3072, 128),
        (129, 3072, 256),
        (1024, 3072, None),
        (64, 384, None),
    ],
)
def test_a_quarter_of_the_vectors_is_found_alone_by_powers_of_two(
    n_components, n_features, n_vectors
):
    assert vectors_to_find(n_components, n_features) == n_vectors


def test_randomised_solver_keeps_the_sum_of_squares(make_cone):
    X = make_cone(n=100, d=30, decay=0.9)
    found = _decompose(X, "randomized", n_components=5)
    assert (found.singular_values.size, found.spectrum.size) == (5, 30)
    assert_allclose(np.sum(found.spectrum**2), np.sum(X**2), rtol=1e-12)
    assert found.moments is None


@pytest.mark.parametrize(
    ("solver", "shape", "chosen"),
    [
        ("auto", (12_101, 384), "gram"),
        ("auto", (100, 384), "full"),
        ("auto", (192, 384), "full"),
        ("auto", (193, 384), "gram"),
        ("randomized", (12_101, 384), "randomized"),
    ],
)
def test_auto_takes_the_faster_exact_solver(solver, shape, chosen):
    assert choose_solver(solver, *shape) == chosen


@pytest.mark.parametrize(("shape", "keeps_rows"), [((60, 8), False), ((8, 60), True)])
@pytest.mark.parametrize("solver", ["full", "gram"])
def test_what_is_kept_for_later_batches_is_small(make_cone, solver, shape, keeps_rows):
    X = make_cone(*shape)
    moments = _decompose(X, solver).moments
    assert moments.keeps_rows == (keeps_rows and solver == "full")
    assert moments.gram.size + moments.rows.size <= 60 * 60


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("center", [False, True])
def test_few_directions_of_narrow_floats_are_found_by_narrow_products(make_cone, dtype, center):
    X = make_cone(n=700, d=512, decay=0.99).astype(dtype)
    found = _decompose(X, "gram", n_components=128, center=center)
    exact = _decompose(X.astype(np.float64), "gram", n_components=128, center=center)
    assert (found.moments.is_single, exact.moments.is_single) == (True, False)
    assert_allclose(found.singular_values[:128], exact.singular_values[:128], rtol=1e-6)
    assert_allclose(np.abs(np.sum(found.vectors * exact.vectors, axis=1)), 1.0, atol=1e-6)
    assert_allclose(found.intensity, exact.intensity, rtol=1e-4)


@pytest.mark.parametrize("size", [1.0, 1e-30, 1e30])
def test_directions_that_drown_in_narrow_products_are_found_by_wide_ones(make_planted, size):
    X = (size * make_planted(0.8 ** np.arange(100), 300, 512)).astype(np.float32)
    found = _decompose(X, "gram", n_components=128)
    exact = _decompose(X.astype(np.float64), "gram", n_components=128)
    assert not found.moments.is_single
    np.testing.assert_array_equal(found.singular_values, exact.singular_values)


def test_narrow_products_show_no_rank_that_is_rounding(make_planted):
    X = make_planted(np.r_[np.ones(130), np.full(40, 1e-4)], 700, 512).astype(np.float32)
    found = _decompose(X, "gram", n_components=128)
    assert found.moments.is_single
    assert found.singular_values.size == 130
