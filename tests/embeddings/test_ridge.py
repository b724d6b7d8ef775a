"""Tests of the ridge: size, factors, target, spread."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.covariance import ledoit_wolf

from skace.embeddings._decomposition import decompose
from skace.embeddings._ridge import (
    column_factors,
    output_spread,
    participation,
    ridge_for_isotropy,
    ridge_of,
)

spectra = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=20).map(
    lambda values: np.sort(values)[::-1]
)
ridges = st.floats(0.0, 1e8)


def _decomposed(X, center=False):
    return decompose(X, solver="gram", normalize=False, center=center)


@pytest.mark.parametrize(
    ("alpha", "mode", "expected"),
    [
        (0.0, "relative", 0.0),
        (2.0, "relative", 2.0 * (2 / 3) * (9 + 4 + 1) / 3),  # a mean of a third of each
        (2.0, "absolute", 2.0),
        (math.inf, "relative", math.inf),
        (math.inf, "absolute", math.inf),
    ],
)
def test_relative_alpha_counts_in_mean_eigenvalues(alpha, mode, expected):
    assert_allclose(ridge_of(_decomposed(np.diag([3.0, 2.0, 1.0])), alpha, mode), expected)


@pytest.mark.parametrize("center", [False, True])
def test_auto_whitens_with_the_ledoit_wolf_estimate(make_cone, center):
    X = make_cone(n=30)
    found = _decomposed(X, center)
    scale = (found.singular_values**2 + ridge_of(found, "auto", "relative")) ** -0.5
    estimate, _ = ledoit_wolf(X, assume_centered=not center)
    expected = np.sort(np.linalg.eigvalsh(estimate))[::-1] ** -0.5
    assert_allclose(scale / scale[0], expected / expected[0], rtol=1e-8)


def test_auto_is_infinite_for_isotropic_rows():
    assert ridge_of(_decomposed(np.eye(4)), "auto", "relative") == math.inf


def test_factors_at_both_ends():
    values = np.array([4.0, 2.0, 1.0])
    assert_array_equal(column_factors(values, 0.0), np.ones(3))
    assert_array_equal(column_factors(values, math.inf), values)
    assert_allclose(column_factors(values, 2.0) ** 2, [16 / 18, 4 / 6, 1 / 3])


@given(spectra, ridges, ridges)
def test_column_ratio_grows_with_the_ridge_between_one_and_that_of_the_values(values, one, other):
    low, high = sorted([one, other])
    ratios = [f[0] / f[-1] for f in (column_factors(values, ridge) for ridge in (low, high))]
    assert 1 - 1e-12 <= ratios[0] <= ratios[1] * (1 + 1e-12)
    assert ratios[1] <= values[0] / values[-1] * (1 + 1e-12)


@given(spectra, ridges, ridges)
def test_participation_falls_as_the_ridge_grows(values, one, other):
    low, high = sorted([one, other])
    at = {r: participation(column_factors(values, r) ** 2) for r in (low, high)}
    assert at[high] <= at[low] * (1 + 1e-9)


@given(spectra, st.floats(0.001, 1.0))
def test_bisection_hits_every_target_that_can_be_reached(values, where):
    lowest = participation(values**2) / values.size
    target = lowest + where * (1.0 - lowest)
    ridge = ridge_for_isotropy(values, target)
    reached = participation(column_factors(values, ridge) ** 2) / values.size
    assert_allclose(reached, target, atol=1e-6)


def test_the_ends_of_the_range_are_zero_and_infinity():
    values = np.array([3.0, 1.0])
    assert ridge_for_isotropy(values, 1.0) == 0.0
    assert ridge_for_isotropy(values, participation(values**2) / 2) == math.inf


def test_a_target_out_of_reach_is_refused_with_the_range():
    text = (
        "target_isotropy=0.3 cannot be reached: with these 4 components the isotropy of the "
        "output goes from 0.7353 (alpha=inf) to 1 (alpha=0). Choose a value in between, or more "
        "components."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ridge_for_isotropy(np.array([1.0, 1.0, 0.5, 0.5]), 0.3)


@pytest.mark.parametrize("ridge", [0.0, 3.0, math.inf])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("k", [1, 4])
def test_spread_is_the_standard_deviation_of_the_output(make_cone, ridge, center, k):
    X = np.vstack([make_cone(), np.zeros((7, 10))])  # zero rows count
    found = _decomposed(X, center)
    factors = column_factors(found.singular_values[:k], ridge)
    rows = np.where(X.any(axis=1)[:, None], X - (X[:-7].mean(axis=0) if center else 0.0), 0.0)
    output = rows @ found.vectors[:k].T * factors / found.singular_values[:k]
    spread = output_spread(found, found.vectors[:k], factors, center)
    assert_allclose(spread, output.std(), rtol=1e-10)


def test_spread_of_a_constant_output_is_its_size():
    found = _decomposed(np.full((9, 1), 2.0))
    spread = output_spread(found, found.vectors, np.ones(1), center=False)
    assert_allclose(spread, 1 / 3)  # nine entries of a unit vector
