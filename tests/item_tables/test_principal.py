"""Principal axes: planted spectra, padding beyond the rank, zero rows."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skace.item_tables._principal import over, principal_axes


def planted(values, n=40, d=10, seed=0):
    """Rows about 0 with these singular values, and their right singular vectors."""
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((n, len(values)))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    right = np.linalg.qr(rng.standard_normal((d, len(values))))[0]
    return left * values @ right.T, right


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n", "d"), [(40, 10), (12, 60)])
def test_planted_axes_are_found(center, n, d):
    features, right = planted([3.142, 2.718, 1.0], n, d)
    shift = 5.0 if center else 0.0
    axes = principal_axes(features + shift, 5, center=center)
    np.testing.assert_allclose(axes.values, [3.142, 2.718, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(np.abs(axes.vectors.T @ right), np.eye(5, 3), atol=1e-7)
    np.testing.assert_allclose(axes.mean, shift, atol=1e-12)
    assert axes.centred_trace == pytest.approx(np.sum((features - features.mean(axis=0)) ** 2))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(1, 12), st.integers(0, 5), st.booleans())
def test_whitened_columns_have_a_mean_square_of_one_or_are_zero(n, d, rank, center):
    rng = np.random.default_rng(n + 100 * d)
    features = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))
    axes = principal_axes(features, d, center=center)
    squares = np.mean(((features - axes.mean) @ axes.whitening()) ** 2, axis=0)
    expected = np.arange(d) < min(rank, d, n - center)
    np.testing.assert_allclose(squares, expected, atol=1e-6)


@pytest.mark.parametrize("n_axes", [2, 10])
def test_spread_is_that_of_the_projections(n_axes):
    features, _ = planted([3.0, 2.0, 1.0])
    axes = principal_axes(features, n_axes)
    projected = (features - axes.mean) @ axes.vectors
    assert axes.spread() == pytest.approx(projected.std())


def test_rows_of_zeros_count_as_the_mean():
    features, _ = planted([3.0, 2.0])
    features += 1.0
    padded = np.concatenate([features, np.zeros((7, 10))])
    one, other = principal_axes(features, 2), principal_axes(padded, 2)
    np.testing.assert_allclose(one.values, other.values)
    np.testing.assert_allclose(one.mean, other.mean)
    assert (one.n_rows, other.n_rows) == (40, 47)


@pytest.mark.parametrize("normalize", [True, False])
def test_row_lengths_matter_unless_they_are_divided_out(normalize):
    features, _ = planted([3.0, 2.0])
    longer = features * np.linspace(1, 3, 40)[:, None]
    one, other = (
        principal_axes(f, 2, center=False, normalize=normalize).values for f in (features, longer)
    )
    assert np.allclose(one, other) == normalize


def test_a_quotient_by_zero_is_zero():
    np.testing.assert_array_equal(over(6.0, np.array([2.0, 0.0])), [3, 0])
