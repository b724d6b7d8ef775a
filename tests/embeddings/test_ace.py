"""Tests of what ACETransformer computes."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group
from sklearn.decomposition import PCA, TruncatedSVD

from skace.embeddings import ACETransformer
from skace.embeddings._ridge import participation

ALPHAS = [0.0, 1.0, 50.0, 5000.0, math.inf]
SOLVERS = ["full", "gram", "randomized"]


def _naive_ace(F, alpha, k, scale=0.1, *, center=False):
    """The published algorithm, step by step, with an SVD of all rows in float64.

    The signs are fixed before the standard deviation is taken: over all entries, it depends
    on them.
    """
    F = F.astype(np.float64)
    F = F / np.linalg.norm(F, axis=1, keepdims=True)
    F = F - F.mean(axis=0) if center else F
    U, S, Vt = np.linalg.svd(F, full_matrices=False)
    U = U * np.sign(Vt[np.arange(len(Vt)), np.abs(Vt).argmax(axis=1)])
    U, S = U[:, :k], S[:k]
    X = U * S if math.isinf(alpha) else U * np.sqrt(S**2 / (S**2 + alpha))
    return X / (X.std() + 1e-12) * scale


def _moment(E):
    return E.T @ E


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_output_equals_the_published_algorithm(make_cone, alpha, solver, center, dtype):
    F = make_cone(n=300, d=24, decay=0.8).astype(dtype)
    ace = ACETransformer(
        8, alpha=alpha, alpha_mode="absolute", solver=solver, center=center, random_state=0
    )
    assert_allclose(ace.fit_transform(F), _naive_ace(F, alpha, 8, center=center), atol=1e-5)


@pytest.mark.parametrize("shape", [(50, 200), (400, 40)])
@pytest.mark.parametrize("alpha", [0.0, 2.0, math.inf])
def test_output_equals_the_published_algorithm_for_wide_and_tall_rows(make_cone, shape, alpha):
    F = make_cone(*shape, decay=0.95)
    ace = ACETransformer(16, alpha=alpha, alpha_mode="absolute")
    assert_allclose(ace.fit_transform(F), _naive_ace(F, alpha, 16), atol=1e-8)


def test_infinite_alpha_gives_the_scores_of_an_uncentred_pca(make_cone):
    F = make_cone()
    scores = ACETransformer(4, alpha=math.inf, normalize=False, scale=None).fit_transform(F)
    expected = TruncatedSVD(4, algorithm="arpack").fit_transform(F)
    assert_allclose(np.abs(scores), np.abs(expected), atol=1e-9)


def test_centred_infinite_alpha_gives_the_scores_of_pca(make_cone):
    F = make_cone()
    ace = ACETransformer(4, alpha=math.inf, normalize=False, scale=None, center=True)
    assert_allclose(np.abs(ace.fit_transform(F)), np.abs(PCA(4).fit_transform(F)), atol=1e-9)


def test_alpha_zero_whitens(make_cone):
    E = ACETransformer(None, alpha=0, scale=None).fit_transform(make_cone())
    assert_allclose(_moment(E), np.eye(10), atol=1e-9)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_products_of_items_equal_the_autoencoder_at_full_rank(make_cone, alpha):
    # B = (F F^T + alpha I)^-1 F F^T, the closed form of the ridge autoencoder.
    F = make_cone(n=30, d=12)
    F = F / np.linalg.norm(F, axis=1, keepdims=True)
    B = np.linalg.solve(F @ F.T + alpha * np.eye(30), F @ F.T)
    E = ACETransformer(None, alpha=alpha, alpha_mode="absolute", scale=None).fit_transform(F)
    assert_allclose(E @ E.T, B, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.0, 0.3, "auto", math.inf])
@pytest.mark.parametrize("center", [False, True])
def test_new_rows_are_mapped_like_training_rows(make_cone, alpha, center):
    F = make_cone()
    ace = ACETransformer(6, alpha=alpha, center=center).fit(F)
    table = ace.transform(F)
    assert_allclose(ace.transform(F[[5, 2]]), table[[5, 2]], atol=1e-12)
    assert_allclose(ace.transform(7.0 * F[:3]), table[:3], atol=1e-12)  # rows are normalised


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [0.1, 1.0, 37.0])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("center", [False, True])
def test_entries_of_the_training_output_have_the_wanted_deviation(
    make_cone, solver, scale, k, center
):
    ace = ACETransformer(k, scale=scale, solver=solver, center=center, random_state=0)
    assert_allclose(ace.fit_transform(make_cone()).std(), scale, rtol=1e-6)


def test_a_large_alpha_comes_to_the_plain_scores(make_cone):
    F = make_cone()
    large, infinite = (
        ACETransformer(6, alpha=alpha, alpha_mode="absolute").fit_transform(F)
        for alpha in (1e9, math.inf)
    )
    assert_allclose(large, infinite, atol=1e-7)


def test_column_ratio_grows_with_alpha(make_cone):
    F = make_cone()
    ratios = []
    for alpha in [0, 0.01, 0.1, 1, 10, 100, math.inf]:
        E = ACETransformer(6, alpha=alpha).fit_transform(F)
        sizes = np.sqrt(np.mean(E**2, axis=0))
        ratios.append(sizes[0] / sizes[-1])
    assert_allclose(ratios[0], 1.0)
    assert (np.diff(ratios) > 0).all()
    s = np.linalg.svd(F / np.linalg.norm(F, axis=1, keepdims=True), compute_uv=False)
    assert_allclose(ratios[-1], s[0] / s[5])


@pytest.mark.parametrize(("normalize", "center"), [(True, False), (True, True), (False, False)])
def test_relative_alpha_is_in_mean_eigenvalues(make_cone, normalize, center):
    F = make_cone()
    rows = F / np.linalg.norm(F, axis=1, keepdims=True) if normalize else F
    rows = rows - rows.mean(axis=0)  # centred or not: what all rows have in common is no unit
    ace = ACETransformer(6, alpha=2.0, normalize=normalize, center=center).fit(F)
    assert_allclose(ace.alpha_, 2.0 * np.trace(rows.T @ rows) / 10)
    absolute = ACETransformer(
        6, alpha=ace.alpha_, alpha_mode="absolute", normalize=normalize, center=center
    )
    assert_array_equal(absolute.fit_transform(F), ace.transform(F))


def test_relative_alpha_of_unit_rows_is_in_items_per_dimension_less_the_cone(make_cone):
    F = make_cone(n=120, d=10)
    mean = (F / np.linalg.norm(F, axis=1, keepdims=True)).mean(axis=0)
    assert_allclose(ACETransformer(6, alpha=3.0).fit(F).alpha_, 3.0 * 12 * (1 - mean @ mean))


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
def test_relative_alpha_does_the_same_to_a_narrow_cone_as_to_a_wide_one(alpha):
    rows = np.random.default_rng(0).normal(size=(2000, 32)) * 0.9 ** np.arange(32)
    rows -= rows.mean(axis=0)
    isotropy = []
    for shift in (0.0, 1.0, 4.0):  # mean cosines of 0, .2 and .8
        cone = rows + shift * np.eye(32)[-1]
        ace = ACETransformer(None, alpha=alpha, normalize=False).fit(cone)
        ratios = ace.shrinkage_[1:] / ace.shrinkage_[1]  # but for the common direction
        isotropy.append(participation(ratios**2))
    assert_allclose(isotropy[1:], isotropy[0], rtol=0.05)


def test_relative_alpha_serves_catalogs_of_any_size(make_cone):
    F = make_cone()
    small, large = (ACETransformer(6, alpha=0.5).fit(rows) for rows in (F, np.tile(F, (4, 1))))
    assert_allclose(large.transform(F), small.transform(F), atol=1e-10)


@pytest.mark.parametrize("target", [0.6, 0.9, 1.0])
@pytest.mark.parametrize("center", [False, True])
def test_target_isotropy_is_that_of_the_output(make_cone, target, center):
    F = make_cone(decay=0.6)
    ace = ACETransformer(6, target_isotropy=target, center=center).fit(F)
    eigenvalues = np.linalg.eigvalsh(_moment(ace.transform(F)))
    reached = eigenvalues.sum() ** 2 / np.sum(eigenvalues**2) / 6
    assert_allclose(reached, target, atol=1e-8)
    assert_allclose(ace.anisotropy_["after"]["isotropy"], target, atol=1e-8)


def test_a_target_out_of_reach_names_the_range(make_cone):
    with pytest.raises(ValueError, match=r"^target_isotropy=0\.17 cannot be reached: with these 6"):
        ACETransformer(6, target_isotropy=0.17).fit(make_cone(decay=0.99, lean=0.1))


@pytest.mark.parametrize("center", [False, True])
def test_anisotropy_is_told_before_and_after(make_cone, center):
    F = make_cone()
    rows = F / np.linalg.norm(F, axis=1, keepdims=True)
    rows = rows - rows.mean(axis=0) if center else rows
    ace = ACETransformer(6, alpha=0.1, center=center).fit(F)
    for when, matrix in (("before", rows), ("after", ace.transform(F))):
        values = np.linalg.svd(matrix, compute_uv=False)
        squares = values**2
        ratio = squares.sum() ** 2 / np.sum(squares**2)
        expected = {
            "participation_ratio": ratio,
            "isotropy": ratio / matrix.shape[1],
            "condition_number": values[0] / values[5],
            "first_share": squares[0] / squares.sum(),
        }
        found = ace.anisotropy_[when]
        assert found.keys() == expected.keys()
        assert_allclose(list(found.values()), list(expected.values()), rtol=1e-8)
        assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_zero_rows_map_to_zero(make_cone, center, normalize):
    F = np.vstack([make_cone(), np.zeros((3, 10))])
    ace = ACETransformer(6, center=center, normalize=normalize).fit(F)
    assert_array_equal(ace.transform(F)[-3:], np.zeros((3, 6)))
    assert_allclose(ace.transform(F).std(), 0.1, rtol=1e-9)
    # Apart from the deviation, which counts them, zero rows change nothing.
    without = ACETransformer(6, center=center, normalize=normalize, scale=None).fit(F[:-3])
    assert_allclose(ace.set_params(scale=None).fit_transform(F[:-3]), without.transform(F[:-3]))


def test_learned_attributes_fit_together(make_cone):
    F = make_cone()
    ace = ACETransformer(6, alpha=0.2, center=True).fit(F)
    assert ace.components_.shape == (6, 10)
    assert_allclose(ace.components_ @ ace.components_.T, np.eye(6), atol=1e-12)
    assert_allclose(
        ace.shrinkage_, ace.singular_values_ / np.sqrt(ace.singular_values_**2 + ace.alpha_)
    )
    units = F / np.linalg.norm(F, axis=1, keepdims=True)
    assert_allclose(ace.mean_, units.mean(axis=0), atol=1e-14)
    left = (units - ace.mean_) @ ace.components_.T / ace.singular_values_
    assert_allclose(ace.transform(F), left * ace.shrinkage_ * ace.output_scale_, atol=1e-12)
    assert (ace.n_components_, ace.n_features_in_) == (6, 10)
    assert_array_equal(ACETransformer(6).fit(F).mean_, np.zeros(10))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.5, math.inf])
def test_inverse_transform_returns_the_normalised_rows(make_cone, center, alpha):
    F = make_cone()
    ace = ACETransformer(None, alpha=alpha, center=center).fit(F)
    units = F / np.linalg.norm(F, axis=1, keepdims=True)
    assert_allclose(ace.inverse_transform(ace.transform(F)), units, atol=1e-9)
    single = ace.inverse_transform(ace.transform(F.astype(np.float32)))
    assert single.dtype == np.float32


def test_inverse_transform_keeps_the_best_approximation(make_cone):
    F = make_cone()
    ace = ACETransformer(4, normalize=False).fit(F)
    U, S, Vt = np.linalg.svd(F, full_matrices=False)
    assert_allclose(ace.inverse_transform(ace.transform(F)), U[:, :4] * S[:4] @ Vt[:4], atol=1e-9)


def test_inverse_transform_refuses_other_widths(make_cone):
    ace = ACETransformer(4).fit(make_cone())
    text = (
        "X has 3 columns, but this ACETransformer has 4 components; pass what transform returned."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ace.inverse_transform(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (int, np.float64),
    ],
)
def test_width_of_floats_is_kept(make_cone, given, expected):
    F = np.round(100 * make_cone()).astype(given)
    ace = ACETransformer(4)
    assert ace.fit_transform(F).dtype == expected
    assert_allclose(
        ace.transform(F), ACETransformer(4).fit_transform(F.astype(np.float64)), atol=1e-6
    )


def test_components_above_the_rank_are_clipped_with_a_warning(make_planted):
    F = make_planted([3.0, 2.0, 1.0], 40, 8)
    text = (
        "n_components=128 is more than the rank of X, which is 3: ACETransformer keeps 3 "
        "components. Set n_components to at most 3, or to None for all there are."
    )
    ace = ACETransformer(normalize=False, alpha=0)
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$"):
        E = ace.fit_transform(F)
    assert (ace.n_components_, E.shape) == (3, (40, 3))
    assert np.isfinite(E).all()


def test_no_components_given_keeps_the_rank_in_silence(make_planted):
    F = make_planted([3.0, 2.0, 1.0], 40, 8)
    assert ACETransformer(None, normalize=False).fit(F).n_components_ == 3


@pytest.mark.parametrize(("rows", "center"), [(np.zeros((5, 3)), False), (np.ones((5, 3)), True)])
def test_rows_without_a_direction_are_refused(rows, center):
    what = " or the same" if center else ""
    text = (
        f"X, of 3 feature(s), has rank 0: every row is zero{what}, so there is no direction that "
        "ACETransformer could keep."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ACETransformer(2, center=center).fit(rows)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
@pytest.mark.parametrize(("bad", "found"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_not_finite_is_refused(make_cone, method, bad, found):
    F = make_cone()
    ace = ACETransformer(4).fit(F)
    F[11, 3] = bad
    text = f"X contains {found}, first in row 11; drop such rows or compute them again."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        getattr(ace, method)(F)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"alpha": -1},
            "The 'alpha' parameter of ACETransformer must be a float in the range [0.0, inf] or "
            "a str among {'auto'}. Got -1 instead.",
        ),
        (
            {"alpha": math.nan},
            "The 'alpha' parameter of ACETransformer must be a float in the range [0.0, inf] or "
            "a str among {'auto'}. Got nan instead.",
        ),
        (
            {"alpha": -1, "alpha_mode": "absolute"},
            "The 'alpha' parameter of ACETransformer must be a float in the range [0.0, inf] or "
            "a str among {'auto'}. Got -1 instead.",
        ),
        (
            {"n_components": 0},
            "The 'n_components' parameter of ACETransformer must be an int in the range [1, inf) "
            "or None. Got 0 instead.",
        ),
        (
            {"target_isotropy": 0.0},
            "The 'target_isotropy' parameter of ACETransformer must be a float in the range "
            "(0.0, 1.0] or None. Got 0.0 instead.",
        ),
        (
            {"scale": 0},
            "The 'scale' parameter of ACETransformer must be a float in the range (0.0, inf) or "
            "None. Got 0 instead.",
        ),
    ],
)
def test_parameters_out_of_range_are_refused(make_cone, params, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ACETransformer(**params).fit(make_cone())


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("solver", ["auto", "gram"])
@pytest.mark.parametrize("shape", [(60, 10), (20, 60)])
def test_partial_fit_over_parts_equals_one_fit(make_cone, center, solver, shape):
    F = make_cone(*shape)
    settings = {"n_components": 6, "alpha": 0.2, "center": center, "solver": solver}
    parts = ACETransformer(**settings)
    for part in np.array_split(F, [7, 8, 15]):
        parts.partial_fit(part)
    once = ACETransformer(**settings).fit(F)
    for name in ("components_", "singular_values_", "mean_", "alpha_", "output_scale_"):
        assert_allclose(getattr(parts, name), getattr(once, name), atol=1e-9, err_msg=name)
    assert_allclose(parts.transform(F), once.transform(F), atol=1e-9)


@pytest.mark.parametrize("solver", ["full", "gram"])
@pytest.mark.parametrize("shape", [(60, 10), (20, 60)])
@pytest.mark.parametrize("alpha", [0.2, "auto"])
def test_partial_fit_goes_on_from_a_fit(make_cone, solver, shape, alpha):
    F = make_cone(*shape)
    ace = ACETransformer(6, alpha=alpha, solver=solver).fit(F[:12])
    before = ACETransformer(6, alpha=alpha, solver=solver).fit(F[:12])
    ace.partial_fit(F[12:])
    assert_allclose(ace.transform(F), ACETransformer(6, alpha=alpha).fit_transform(F), atol=1e-9)
    again = before.partial_fit(F[12:]).transform(F)  # no state was shared with the first one
    assert_array_equal(again, ace.transform(F))


def test_fit_forgets_earlier_fits(make_cone):
    F, other = make_cone(), make_cone(seed=1)
    ace = ACETransformer(6).partial_fit(other).fit(F)
    assert_array_equal(ace.transform(F), ACETransformer(6).fit_transform(F))


def test_partial_fit_does_not_exist_for_the_randomised_solver(make_cone):
    F = make_cone()
    ace = ACETransformer(4, solver="randomized", random_state=0).fit(F)
    assert not hasattr(ace, "partial_fit")
    with pytest.raises(AttributeError) as error:
        _ = ace.partial_fit
    assert "set solver='gram'" in str(error.value.__cause__)
    text = (
        "partial_fit adds to the Gram matrix, which the fit before it with solver='randomized' "
        "did not compute; fit again with solver='gram'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        ace.set_params(solver="gram").partial_fit(F)


def test_partial_fit_refuses_another_preparation_of_the_rows(make_cone):
    ace = ACETransformer(4).fit(make_cone()).set_params(normalize=False)
    with pytest.raises(ValueError, match=r"^normalize=False differs from the earlier batches"):
        ace.partial_fit(make_cone())


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("alpha", [0.2, "auto"])
def test_whole_weights_equal_repeated_rows(make_cone, center, solver, alpha):
    F = make_cone()
    weights = np.random.default_rng(0).integers(0, 3, len(F))
    settings = {"alpha": alpha, "center": center, "solver": solver, "random_state": 0}
    weighted = ACETransformer(6, **settings).fit(F, sample_weight=weights)
    repeated = ACETransformer(6, **settings).fit(np.repeat(F, weights, axis=0))
    assert_allclose(weighted.transform(F), repeated.transform(F), atol=1e-6)


def test_weights_work_in_partial_fit_and_fit_transform(make_cone):
    F = make_cone()
    weights = np.linspace(0.0, 2.0, len(F))
    once = ACETransformer(6).fit(F, sample_weight=weights)
    parts = ACETransformer(6)
    parts.partial_fit(F[:50], sample_weight=weights[:50])
    parts.partial_fit(F[50:], sample_weight=weights[50:])
    parts.partial_fit(F[:9], sample_weight=np.zeros(9))
    assert_allclose(parts.transform(F), once.transform(F), atol=1e-10)
    assert_array_equal(ACETransformer(6).fit_transform(F, sample_weight=weights), once.transform(F))


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.ones((4, 1)), "sample_weight must be one-dimensional, got shape (4, 1); pass one"),
        ([1, 1, -2, 1], "sample_weight must be non-negative and not all zero; row 2 has -2.0."),
        (np.zeros(4), "sample_weight must be non-negative and not all zero; row 0 has 0.0."),
        (np.ones(5), "Found input variables with inconsistent numbers of samples: [4, 5]"),
        ([1, np.nan, 1, 1], "Input sample_weight contains NaN."),
    ],
)
def test_weights_that_make_no_sense_are_refused(make_cone, weights, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        ACETransformer(2).fit(make_cone(n=4), sample_weight=weights)


def test_randomised_results_depend_on_the_seed_alone(make_cone):
    F = make_cone(n=100, d=60, decay=0.99)
    state = np.random.get_state()[1].copy()  # noqa: NPY002 (the global generator is the point)
    one, two, other = (
        ACETransformer(5, solver="randomized", random_state=seed).fit(F).components_
        for seed in (0, 0, 1)
    )
    assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@given(seed=st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter(make_cone, seed):
    F = make_cone(n=40)
    order = np.random.default_rng(seed).permutation(40)
    table = ACETransformer(6, alpha=0.1).fit_transform(F)
    assert_allclose(ACETransformer(6, alpha=0.1).fit_transform(F[order]), table[order], atol=1e-8)


@given(seed=st.integers(0, 2**32 - 1), center=st.booleans(), alpha=st.floats(0, 10))
def test_rotation_of_the_input_only_flips_signs(make_cone, seed, center, alpha):
    F = make_cone(n=40)
    turn = ortho_group.rvs(10, random_state=seed)
    # Signs decide on the deviation over all entries, hence no scale.
    settings = {"alpha": alpha, "center": center, "scale": None}
    table, turned = (ACETransformer(6, **settings).fit_transform(rows) for rows in (F, F @ turn))
    assert_allclose(np.abs(turned), np.abs(table), atol=1e-7)


@given(size=st.floats(1e-6, 1e6), normalize=st.booleans(), alpha=st.floats(0, 10))
def test_global_size_of_the_input_does_not_matter(make_cone, size, normalize, alpha):
    F = make_cone(n=40)
    ace = ACETransformer(6, alpha=alpha, normalize=normalize)
    assert_allclose(ace.fit_transform(size * F), ace.fit_transform(F), atol=1e-8)


def test_one_row_and_one_column_are_enough():
    assert_allclose(ACETransformer(1).fit_transform([[3.0, 4.0]]), [[0.1]])
    assert_allclose(np.abs(ACETransformer(1).fit_transform([[3.0], [-4.0]])), [[0.1], [0.1]])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_memmaps_stream_to_the_same_result(make_cone, tmp_path, dtype, order):
    F = np.asarray(make_cone(n=500, d=20), dtype=dtype, order=order)
    np.save(tmp_path / "vectors.npy", F)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    ace = ACETransformer(6).fit(mapped)
    assert_array_equal(ace.transform(mapped), ACETransformer(6).fit(F).transform(F))


def test_memory_does_not_grow_with_the_rows(make_cone, tmp_path, monkeypatch):
    import tracemalloc

    from skace import _row_blocks

    monkeypatch.setattr(_row_blocks, "_BLOCK_BYTES", 64 * 1024)
    F = np.tile(make_cone(n=1000, d=64, decay=0.97).astype(np.float32), (40, 1))
    np.save(tmp_path / "vectors.npy", F)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    ACETransformer(8).fit(F[:100])  # what is allocated once
    tracemalloc.start()
    ACETransformer(8).fit(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < F.nbytes / 10  # 10 MB of rows, 33 kB of Gram matrix


@pytest.mark.parametrize("size", [1e-79, 1e-120, 1e-200])
def test_rows_whose_powers_vanish_are_refused_unless_they_are_normalised(size, random_state):
    X = np.random.default_rng(random_state).standard_normal((20, 4))
    with pytest.raises(ValueError, match=r"^X is too small: its longest row has length .*; multip"):
        ACETransformer(2, normalize=False).fit(X * size)
    expected = ACETransformer(2, normalize=False).fit_transform(X)
    small = ACETransformer(2, normalize=False).fit_transform(X * 2.0**-200)
    np.testing.assert_allclose(small, expected, rtol=1e-9, atol=1e-12)
    whole = ACETransformer(2).fit_transform(X * size)
    np.testing.assert_allclose(whole, ACETransformer(2).fit_transform(X), rtol=1e-6, atol=1e-9)
