"""Tests of GlobalScaler, and of the sums over columns behind it."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skace import ACETransformer, OnItems, _row_blocks
from skace.embeddings import GlobalScaler
from skace.embeddings._columns import column_moments


@pytest.mark.parametrize("std", [0.1, 1, 37.5])
@pytest.mark.parametrize(
    ("shift", "dtype"), [(0.0, np.float32), (5.0, np.float64), (-1e6, np.float64)]
)
def test_entries_have_the_wanted_deviation(make_cone, std, shift, dtype):
    F = (make_cone() + shift).astype(dtype)
    scaled = GlobalScaler(std).fit_transform(F)
    assert scaled.dtype == dtype
    assert_allclose(scaled.std(dtype=np.float64), std, rtol=1e-5)


def test_one_factor_serves_all_entries_and_new_rows(make_cone):
    F, new = make_cone(), make_cone(n=3, seed=2)
    scaler = GlobalScaler().fit(F)
    assert_allclose(scaler.transform(new), new * (0.1 / F.std()), rtol=1e-12)
    assert_allclose(scaler.inverse_transform(scaler.transform(new)), new, rtol=1e-12)


def test_scaled_scores_equal_those_of_ace_without_a_ridge(make_shop):
    X = make_shop()
    pipe = make_pipeline(OnItems(PCA(3)), GlobalScaler(0.1))
    ace = ACETransformer(3, alpha=np.inf, center=True, normalize=False, scale=0.1)
    found, expected = (transformer.fit_transform(X).catalog.features for transformer in (pipe, ace))
    assert_allclose(np.abs(found), np.abs(expected), atol=1e-10)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.0), (7.0, 0.1), (-0.1, -0.1), (1e6 / 3, 0.1)]
)
def test_equal_entries_get_the_size_and_zeros_stay(value, expected):
    scaled = GlobalScaler(0.1).fit_transform(np.full((9, 4), value))
    assert_allclose(scaled, np.full((9, 4), expected), rtol=1e-9)


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [(np.float16, np.float32), (np.float32, np.float32), (int, np.float64)],
)
def test_half_precision_is_widened(make_cone, given_type, expected):
    F = np.round(10 * make_cone()).astype(given_type)
    assert GlobalScaler().fit_transform(F).dtype == expected


def test_a_deviation_of_zero_is_refused(make_cone):
    text = (
        "The 'std' parameter of GlobalScaler must be a float in the range (0.0, inf). Got 0 "
        "instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        GlobalScaler(0).fit(make_cone())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(make_cone, bad):
    F = make_cone()
    F[11, 3] = bad
    with pytest.raises(ValueError, match=r"^X contains (NaN|infinity), first in row 11;"):
        GlobalScaler().fit(F)


@settings(deadline=None)
@given(
    n=st.integers(1, 50),
    d=st.integers(1, 5),
    n_block=st.integers(1, 20),
    shift=st.floats(-1e6, 1e6),
    seed=st.integers(0, 2**32 - 1),
)
def test_sums_over_columns_do_not_depend_on_blocks(n, d, n_block, shift, seed):
    X = np.random.default_rng(seed).normal(size=(n, d)) + shift
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_row_blocks, "_BLOCK_BYTES", 8 * d * n_block)
        moments = column_moments(X)
    assert_allclose(moments.mean, X.mean(axis=0), rtol=1e-12, atol=1e-9)
    assert_allclose(moments.squares, n * X.var(axis=0), rtol=1e-6, atol=1e-6)
    assert_allclose(moments.grand_variance, X.var(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("block_rows", [1, 4, 100])
def test_zero_rows_are_left_out_if_asked(make_cone, monkeypatch, block_rows):
    monkeypatch.setattr(_row_blocks, "_BLOCK_BYTES", 8 * 10 * block_rows)
    F = make_cone(n=20)
    X = np.vstack([np.zeros((5, 10)), F, np.zeros((5, 10))])
    skipped, whole = column_moments(X, skip_zeros=True), column_moments(F)
    assert_allclose(skipped.mean, whole.mean)
    assert_allclose(skipped.squares, whole.squares)
    assert (skipped.n_rows, whole.n_rows) == (30, 20)
    assert_array_equal(column_moments(X[:5], skip_zeros=True).mean, 0.0)
