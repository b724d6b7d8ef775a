"""Tests of what WhiteningTransformer computes."""
# SPDX-License-Identifier: BSD-3-Clause

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import StandardScaler

from skace import OnItems, _row_blocks
from skace.embeddings import ACETransformer, WhiteningTransformer
from skace.embeddings._decomposition import MEMO

METHODS = ["zca", "pca", "cholesky", "bn"]
MIXING = ["zca", "pca", "cholesky"]  # the columns of a group


def _cov(Z):
    return np.cov(Z, rowvar=False)


def _parts(n_columns, n_groups):
    return np.array_split(np.arange(n_columns), n_groups)


@pytest.mark.parametrize("method", MIXING)
@pytest.mark.parametrize("n_groups", [1, 2, 3, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_covariance_of_each_group_is_the_identity(make_cone, method, n_groups, dtype):
    F = make_cone(n=300).astype(dtype)
    Z = WhiteningTransformer(method=method, n_groups=n_groups).fit_transform(F)
    assert (Z.shape, Z.dtype) == (F.shape, dtype)
    assert_allclose(Z.mean(axis=0), 0, atol=1e-6)
    covariance = _cov(Z.astype(np.float64))
    for part in _parts(10, n_groups):
        assert_allclose(covariance[np.ix_(part, part)], np.eye(part.size), atol=2e-5)


@pytest.mark.parametrize("shape", [(300, 10), (15, 10), (11, 10)])
def test_one_group_is_the_direct_formula(make_cone, shape):
    F = make_cone(*shape)
    squares, V = np.linalg.eigh(_cov(F))
    expected = (F - F.mean(axis=0)) @ V / np.sqrt(squares) @ V.T
    assert_allclose(WhiteningTransformer().fit_transform(F), expected, atol=1e-7)


@pytest.mark.parametrize("method", MIXING)
@pytest.mark.parametrize("shrinkage", [0.0, 0.2, "auto"])
@pytest.mark.parametrize("n_groups", [3, 4])
def test_each_group_is_whitened_as_if_it_were_alone(make_cone, method, shrinkage, n_groups):
    F = make_cone()
    white = WhiteningTransformer(method=method, n_groups=n_groups, shrinkage=shrinkage).fit(F)
    Z = white.transform(F)
    for number, part in enumerate(_parts(10, n_groups)):
        alone = WhiteningTransformer(method=method, shrinkage=shrinkage).fit(F[:, part])
        assert_allclose(Z[:, part], alone.transform(F[:, part]), atol=1e-9)
        assert_allclose(white.shrinkage_[number], alone.shrinkage_[0])


def test_zca_and_pca_differ_by_an_orthogonal_map(make_cone):
    F = make_cone()
    zca, pca = (WhiteningTransformer(method=method).fit_transform(F) for method in ("zca", "pca"))
    turn = np.linalg.lstsq(zca, pca, rcond=None)[0]
    assert_allclose(zca @ turn, pca, atol=1e-9)
    assert_allclose(turn @ turn.T, np.eye(10), atol=1e-9)
    assert np.abs(turn - np.eye(10)).max() > 0.1


def test_zca_is_the_whitening_that_is_closest_to_the_centred_input(make_cone):
    F = make_cone()
    centred = F - F.mean(axis=0)
    distances = {
        method: np.linalg.norm(WhiteningTransformer(method=method).fit_transform(F) - centred)
        for method in MIXING
    }
    assert min(distances, key=distances.get) == "zca"


@pytest.mark.parametrize("k", [1, 4, None])
def test_pca_is_that_of_scikit_learn_up_to_signs(make_cone, k):
    F = make_cone()
    expected = PCA(k, whiten=True).fit_transform(F)
    found = WhiteningTransformer(k, method="pca").fit_transform(F)
    assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_pca_signs_make_the_largest_weight_positive(make_cone):
    white = WhiteningTransformer(method="pca").fit(make_cone())
    matrix = white.whitening_[0]
    assert (matrix[np.abs(matrix).argmax(axis=0), np.arange(10)] > 0).all()


def test_cholesky_columns_depend_on_earlier_columns_only(make_cone):
    F = make_cone()
    Z = WhiteningTransformer(method="cholesky").fit_transform(F)
    expected = np.linalg.solve(np.linalg.cholesky(_cov(F)), (F - F.mean(axis=0)).T).T
    assert_allclose(Z, expected, atol=1e-9)
    first = WhiteningTransformer(method="cholesky").fit_transform(F[:, :4])
    assert_allclose(Z[:, :4], first, atol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"n_groups": 5}, {"shrinkage": 0.5}])
def test_bn_standardises_each_column(make_cone, settings):
    F = make_cone()
    Z = WhiteningTransformer(method="bn", **settings).fit_transform(F)
    assert_allclose(Z, StandardScaler().fit_transform(F) * np.sqrt(119 / 120), atol=1e-10)
    alone = WhiteningTransformer(n_groups=10).fit_transform(F)
    assert_allclose(Z, alone, atol=1e-10)


@pytest.mark.parametrize("method", MIXING)
@pytest.mark.parametrize("shrinkage", [0.1, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(120, 10), (8, 10)])
def test_shrinkage_whitens_with_a_share_of_the_identity(make_cone, method, shrinkage, shape):
    F = make_cone(*shape)
    sample = _cov(F)
    shrunk = (1 - shrinkage) * sample + shrinkage * np.trace(sample) / 10 * np.eye(10)
    W = WhiteningTransformer(method=method, shrinkage=shrinkage).fit(F).whitening_[0]
    rank = W.shape[1]
    assert rank == (10 if method != "pca" else min(10, shape[0] - 1))
    assert_allclose(W.T @ shrunk @ W, np.eye(rank), atol=1e-9)


@pytest.mark.parametrize("method", MIXING)
def test_full_shrinkage_divides_by_one_number(make_cone, method):
    F = make_cone()
    Z = WhiteningTransformer(method=method, shrinkage=1.0).fit_transform(F)
    centred = F - F.mean(axis=0)
    size = np.sqrt(np.trace(_cov(F)) / 10)
    if method == "pca":  # rotated as well
        assert_allclose(Z @ Z.T, centred @ centred.T / size**2, atol=1e-9)
    else:
        assert_allclose(Z, centred / size, atol=1e-9)


@pytest.mark.parametrize("n", [12, 40, 400])
def test_auto_is_the_intensity_of_ledoit_and_wolf(make_cone, n):
    F = make_cone(n=n)
    white = WhiteningTransformer(shrinkage="auto").fit(F)
    assert_allclose(white.shrinkage_, [ledoit_wolf(F)[1]], rtol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_new_rows_are_mapped_like_training_rows(make_cone, method, n_groups, shrinkage):
    F, new = make_cone(), make_cone(n=5, seed=4)
    white = WhiteningTransformer(method=method, n_groups=n_groups, shrinkage=shrinkage).fit(F)
    assert_allclose(white.transform(F[[7, 3]]), white.transform(F)[[7, 3]], atol=1e-12)
    # The map is affine: rows on a line stay on a line, at the same shares.
    middle = white.transform((new[:1] + new[1:2]) / 2)
    assert_allclose(middle, white.transform(new[:2]).mean(axis=0, keepdims=True), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_transform_returns_the_rows(make_cone, method, n_groups, dtype):
    F = make_cone().astype(dtype)
    white = WhiteningTransformer(method=method, n_groups=n_groups).fit(F)
    back = white.inverse_transform(white.transform(F))
    assert back.dtype == dtype
    assert_allclose(back, F, atol=1e-8 if dtype == np.float64 else 1e-4)


def test_inverse_transform_of_some_components_is_the_best_approximation(make_cone):
    F = make_cone()
    white = WhiteningTransformer(3, method="pca").fit(F)
    pca = PCA(3).fit(F)
    expected = pca.inverse_transform(pca.transform(F))
    assert_allclose(white.inverse_transform(white.transform(F)), expected, atol=1e-9)


def test_inverse_transform_refuses_other_widths(make_cone):
    white = WhiteningTransformer(4, method="pca").fit(make_cone())
    text = (
        "X has 3 columns, but this WhiteningTransformer returned 4; pass what transform returned."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        white.inverse_transform(np.ones((2, 3)))


@pytest.mark.parametrize("shape", [(40, 8), (5, 8)])
@pytest.mark.parametrize("shrinkage", [0.0, 0.2])
def test_zca_drops_directions_without_variance(make_planted, shape, shrinkage):
    F = make_planted([3.0, 2.0, 1.0], *shape) + 2.0
    white = WhiteningTransformer(shrinkage=shrinkage).fit(F)
    Z = white.transform(F)
    assert np.linalg.matrix_rank(Z, tol=1e-6) == 3
    if shrinkage == 0:
        covariance = _cov(Z)
        assert_allclose(covariance @ covariance, covariance, atol=1e-8)  # a projection
    back = white.inverse_transform(Z)
    assert_allclose(back, F, atol=1e-8)


def test_with_shrinkage_a_direction_that_no_row_had_is_not_lost(make_planted):
    F = make_planted([3.0, 2.0], 40, 6)
    values = {}
    for shrinkage in (0.0, 0.2):
        white = WhiteningTransformer(shrinkage=shrinkage).fit(F)
        _, _, Vt = np.linalg.svd(F - F.mean(axis=0))
        values[shrinkage] = np.linalg.norm(
            white.transform(F[:1] + Vt[-1:]) - white.transform(F[:1])
        )
    assert_allclose(values[0.0], 0.0, atol=1e-9)
    floor = 0.2 * np.trace(_cov(F)) / 6
    assert_allclose(values[0.2], floor**-0.5)


@pytest.mark.parametrize(("n_components", "kept"), [(None, 3), (2, 2)])
def test_pca_has_no_column_for_directions_without_variance(make_planted, n_components, kept):
    F = make_planted([3.0, 2.0, 1.0], 40, 8)
    F = F - F.mean(axis=0)
    Z = WhiteningTransformer(n_components, method="pca").fit_transform(F)
    assert_allclose(_cov(Z), np.eye(kept), atol=1e-9)


@pytest.mark.parametrize(("n_groups", "ranks", "kept"), [(1, "3", 3), (2, "3, 2 in the groups", 5)])
def test_components_above_the_rank_are_clipped_with_a_warning(make_planted, n_groups, ranks, kept):
    F = make_planted([3.0, 2.0, 1.0], 40, 8)
    F = F - F.mean(axis=0)
    if n_groups == 2:
        F[:, 6:] = F[:, 5:6]  # columns 5 to 7 are the same, 4 differs
    text = (
        f"n_components=6 is more than X has directions: WhiteningTransformer keeps {kept}, "
        f"because the rank is {ranks}. Set n_components=None for all there are."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        Z = WhiteningTransformer(6, method="pca", n_groups=n_groups).fit_transform(F)
    assert Z.shape == (40, kept)


@pytest.mark.parametrize(("n_components", "widths"), [(7, [3, 2, 2]), (3, [1, 1, 1])])
def test_groups_share_the_components(make_cone, n_components, widths):
    white = WhiteningTransformer(n_components, method="pca", n_groups=3).fit(make_cone())
    assert [matrix.shape for matrix in white.whitening_] == list(
        zip([4, 3, 3], widths, strict=True)
    )
    assert white.n_components_ == n_components
    assert len(white.get_feature_names_out()) == n_components


@pytest.mark.parametrize("shrinkage", [0.0, 0.4])
@pytest.mark.parametrize("n_groups", [1, 2])
def test_zca_of_some_components_is_their_pca_turned_back(make_cone, shrinkage, n_groups):
    F = make_cone()
    settings = {"n_components": 4, "n_groups": n_groups, "shrinkage": shrinkage}
    zca = WhiteningTransformer(method="zca", **settings).fit(F)
    Z = zca.transform(F)
    assert Z.shape == (120, 10)
    assert zca.n_components_ == np.linalg.matrix_rank(Z) == 4
    scores = WhiteningTransformer(method="pca", **settings).fit_transform(F)
    assert_allclose(Z @ Z.T, scores @ scores.T, atol=1e-9)
    far = zca.transform(F[:1] + 1e3 * np.linalg.svd(Z)[2][-1:])  # along a direction it dropped
    assert_allclose(far, Z[:1], atol=1e-6)


@pytest.mark.parametrize(("method", "expected"), [("cholesky", 10), ("bn", 10), ("zca", 10)])
def test_components_are_counted_for_every_method(make_cone, method, expected):
    assert WhiteningTransformer(method=method).fit(make_cone()).n_components_ == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_column_gives_no_nan(make_cone, method):
    F = make_cone()
    F[:, 3] = 0.1
    white = WhiteningTransformer(method=method).fit(F)
    Z = white.transform(F)
    assert Z.shape[1] == (9 if method == "pca" else 10)
    assert white.n_components_ == 9
    without = WhiteningTransformer(method=method).fit_transform(np.delete(F, 3, axis=1))
    assert_allclose(Z if method == "pca" else np.delete(Z, 3, axis=1), without, atol=1e-9)
    if method in ("cholesky", "bn"):
        assert_array_equal(Z[:, 3], 0.0)
    assert_allclose(white.inverse_transform(Z), F, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 / 3])
def test_rows_that_are_all_the_same_are_refused(method, n_groups, value):
    text = (
        "X has rank 0 about its mean: all rows are the same, so there is nothing that "
        "WhiteningTransformer could whiten."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        WhiteningTransformer(method=method, n_groups=n_groups).fit(np.full((37, 3), value))


def test_a_constant_group_is_zero_beside_others(make_cone):
    F = make_cone()
    F[:, 5:] = 0.1
    Z = WhiteningTransformer(n_groups=2).fit_transform(F)
    assert_array_equal(Z[:, 5:], 0.0)
    assert_allclose(_cov(Z[:, :5]), np.eye(5), atol=1e-9)
    white = WhiteningTransformer(method="pca", n_groups=2).fit(F)
    assert white.transform(F).shape == (120, 5)
    assert_allclose(white.inverse_transform(white.transform(F)), F, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 2])
def test_zero_rows_count_as_the_mean(make_cone, method, n_groups):
    F = make_cone()
    with_zeros = np.vstack([F, np.zeros((30, 10))])
    white = WhiteningTransformer(method=method, n_groups=n_groups).fit(with_zeros)
    Z = white.transform(with_zeros)
    assert_array_equal(Z[-30:], 0.0)
    assert_allclose(white.mean_, F.mean(axis=0), atol=1e-12)
    covariance = _cov(Z)[:5, :5]
    assert_allclose(np.diag(covariance), 1.0, atol=1e-9)


def test_a_row_that_is_zero_in_one_group_is_an_ordinary_row(make_cone):
    F = make_cone()
    F[4, :5] = 0.0
    Z = WhiteningTransformer(n_groups=2).fit_transform(F)
    assert np.abs(Z[4, :5]).max() > 0.1
    assert_allclose(_cov(Z[:, :5]), np.eye(5), atol=1e-9)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-3, 1e3))
def test_zca_turns_with_its_input_and_forgets_size_and_place(make_cone, seed, size):
    F = make_cone(n=40)
    turn = ortho_group.rvs(10, random_state=seed)
    expected = WhiteningTransformer().fit_transform(F) @ turn
    found = WhiteningTransformer().fit_transform(size * (F @ turn + 1.0))
    assert_allclose(found, expected, atol=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS), n_groups=st.integers(1, 4))
def test_row_order_does_not_matter(make_cone, seed, method, n_groups):
    F = make_cone(n=40)
    order = np.random.default_rng(seed).permutation(40)
    white = WhiteningTransformer(method=method, n_groups=n_groups)
    table = white.fit_transform(F)
    assert_allclose(white.fit_transform(F[order]), table[order], atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 3])
def test_a_memmap_is_read_in_blocks(make_cone, tmp_path, monkeypatch, method, n_groups):
    monkeypatch.setattr(_row_blocks, "_BLOCK_BYTES", 64 * 1024)
    F = np.tile(make_cone(n=1000, d=48, decay=0.97).astype(np.float32), (20, 1))
    np.save(tmp_path / "vectors.npy", F)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    settings = {"method": method, "n_groups": n_groups}
    expected = WhiteningTransformer(**settings).fit(F[:9000])  # what is allocated once
    tracemalloc.start()
    white = WhiteningTransformer(**settings).fit(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < F.nbytes / 5
    # The same thousand rows over and over: only the factor for n - 1 differs.
    ratio = np.sqrt((20_000 - 1) / 20_000 * 9000 / (9000 - 1))
    assert_allclose(
        white.transform(mapped[:7]), expected.transform(F[:7]) * ratio, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"n_groups": 11}, "n_groups=11 is more than the 10 column(s) of X; set at most 10."),
        (
            {"n_components": 4, "method": "bn"},
            "n_components=4 counts principal directions, which method='bn' does not know; set "
            "n_components=None, or method='zca' or 'pca'.",
        ),
        (
            {"n_components": 2, "method": "pca", "n_groups": 3},
            "n_components=2 is less than n_groups=3, but each group keeps at least one direction; "
            "set fewer groups or more components.",
        ),
        (
            {"shrinkage": 1.1},
            "The 'shrinkage' parameter of WhiteningTransformer must be a float in the range "
            "[0.0, 1.0] or a str among {'auto'}. Got 1.1 instead.",
        ),
        (
            {"n_groups": 0},
            "The 'n_groups' parameter of WhiteningTransformer must be an int in the range "
            "[1, inf). Got 0 instead.",
        ),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make_cone, params, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        WhiteningTransformer(**params).fit(make_cone())


@pytest.mark.parametrize("shape", [(8, 10), (120, 10)])
def test_cholesky_of_deficient_rank_names_the_remedy(make_planted, shape):
    F = make_planted([3.0, 2.0, 1.0], *shape)
    F = F - F.mean(axis=0)
    text = (
        "method='cholesky' needs linearly independent columns, but 10 columns have rank 3; set "
        "shrinkage='auto' or a small number, or method='zca'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        WhiteningTransformer(method="cholesky").fit(F)
    assert np.isfinite(
        WhiteningTransformer(method="cholesky", shrinkage=0.1).fit_transform(F)
    ).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("when", ["fit", "transform"])
def test_what_is_not_finite_is_refused(make_cone, method, when):
    F = make_cone()
    white = WhiteningTransformer(method=method).fit(F)
    F[11, 3] = np.nan
    text = "X contains NaN, first in row 11; drop such rows or compute them again."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        getattr(white, when)(F)


def test_one_decomposition_serves_whitening_and_ace(make_shop):
    X = make_shop()
    ACETransformer(3, center=True, normalize=False).fit(X)
    for options in ({}, {"method": "pca"}, {"method": "cholesky"}, {"shrinkage": "auto"}):
        found = WhiteningTransformer(**options).fit(X[:9])
        expected = WhiteningTransformer(**options).fit(X.catalog.features)
        assert_array_equal(found.whitening_[0], expected.whitening_[0])
    assert MEMO.n_computed == 1


def test_groups_are_decomposed_once_per_number_of_groups(make_shop):
    X = make_shop()
    for n_groups in (2, 3):
        for method in METHODS:
            found = WhiteningTransformer(method=method, n_groups=n_groups).fit(X)
            expected = WhiteningTransformer(method=method, n_groups=n_groups)
            assert_array_equal(
                found.transform(X.catalog.features), expected.fit_transform(X.catalog.features)
            )
    assert MEMO.n_computed == 2
    assert MEMO._n_bytes() < 10_000


def test_writing_to_learned_attributes_does_not_reach_the_memo(make_shop):
    X = make_shop()
    first = WhiteningTransformer(method="pca").fit(X)
    expected = first.transform(X.catalog.features)
    first.mean_[:] = 0.0
    first.whitening_[0][:] = 0.0
    again = WhiteningTransformer(method="pca").fit(X)
    assert_array_equal(again.transform(X.catalog.features), expected)


def test_a_union_gives_the_two_views_side_by_side(make_shop):
    X = make_shop()
    views = OnItems(
        FeatureUnion(
            [("full", WhiteningTransformer()), ("relaxed", WhiteningTransformer(n_groups=3))]
        )
    )
    features = views.fit_transform(X).catalog.features
    F = X.catalog.features
    assert_allclose(features[:, :6], WhiteningTransformer().fit_transform(F))
    assert_allclose(features[:, 6:], WhiteningTransformer(n_groups=3).fit_transform(F))
