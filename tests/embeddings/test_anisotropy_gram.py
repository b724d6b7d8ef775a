"""Tests of the measures that follow from one pass over the rows."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import ortho_group

from skace import _row_blocks, _row_moments
from skace.embeddings import (
    anisotropy_report,
    condition_number,
    effective_rank,
    explained_share,
    iso_score,
    mean_cosine,
    participation_ratio,
    partition_isotropy,
    spectral_decay,
    spectral_entropy,
)

SPECTRAL = [
    participation_ratio,
    effective_rank,
    spectral_entropy,
    condition_number,
    explained_share,
    spectral_decay,
]
CROSS = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]


def _values(X, *, center=False):
    return np.linalg.svd(X - X.mean(axis=0) if center else X, compute_uv=False)


def _iso_score_of_the_paper(X):
    """IsoScore in the steps of its paper, from the eigenvalues of the covariance."""
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T))
    d = eigenvalues.size
    scaled = math.sqrt(d) * eigenvalues / np.linalg.norm(eigenvalues)
    defect = np.linalg.norm(scaled - 1.0) / math.sqrt(2 * (d - math.sqrt(d)))
    phi = (d - defect**2 * (d - math.sqrt(d))) ** 2 / d**2
    return (d * phi - 1) / (d - 1)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("shape", [(50, 8), (6, 40)])
@pytest.mark.parametrize("n_zero", [0, 2])
def test_spectral_measures_equal_their_formulas(make_cone, center, shape, n_zero):
    X = make_cone(*shape, decay=0.9)
    X[:n_zero] = 0.0  # rows like any other
    s = _values(X, center=center)
    s = s[s > 1e-6 * s[0]]
    p, q = s / s.sum(), s**2 / np.sum(s**2)
    numbers = np.arange(1, s.size + 1)[s.size // 10 : s.size - s.size // 10]
    slope = np.polyfit(np.log(numbers), np.log(s[numbers - 1]), 1)[0]
    assert_allclose(participation_ratio(X, center=center), 1 / np.sum(q**2))
    assert_allclose(effective_rank(X, center=center), np.exp(-np.sum(p * np.log(p))))
    assert_allclose(spectral_entropy(X, center=center), -np.sum(q * np.log(q)) / np.log(shape[1]))
    assert_allclose(condition_number(X, center=center), s[0] / s[-1])
    assert_allclose(condition_number(X, 3, center=center), s[0] / s[2])
    assert_allclose(explained_share(X, center=center), q[0])
    assert_allclose(explained_share(X, 3, center=center), q[:3].sum())
    assert_allclose(explained_share(X, 1000, center=center), 1.0)
    assert_allclose(spectral_decay(X, center=center), slope)


def test_mean_cosine_equals_the_mean_over_all_pairs(make_cone):
    X = make_cone()
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    pairs = (units @ units.T)[~np.eye(len(X), dtype=bool)]
    assert_allclose(mean_cosine(X), pairs.mean())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(CROSS, -1 / 3), ([[1.0, 0.0], [5.0, 0.0]], 1.0), ([[1.0, 0.0], [0.0, 3.0]], 0.0)],
)
def test_mean_cosine_of_simple_figures(rows, expected):
    assert_allclose(mean_cosine(rows), expected)


@pytest.mark.parametrize("shape", [(200, 8), (200, 2), (30, 12)])
def test_iso_score_equals_the_steps_of_its_paper(make_cone, shape):
    X = make_cone(*shape)
    X[3] = 0.0
    assert_allclose(iso_score(X), _iso_score_of_the_paper(X), rtol=1e-9)


def test_iso_score_is_an_affine_function_of_the_participation_ratio(make_cone):
    X = make_cone()
    assert_allclose(iso_score(X), (participation_ratio(X, center=True) - 1) / 9)


@pytest.mark.parametrize("center", [False, True])
def test_isotropic_rows_have_the_extreme_values(center):
    X = np.vstack([np.eye(6), -np.eye(6)])
    assert_allclose(participation_ratio(X, center=center), 6)
    assert_allclose(effective_rank(X, center=center), 6)
    assert_allclose(spectral_entropy(X, center=center), 1)
    assert_allclose(condition_number(X, center=center), 1)
    assert_allclose(explained_share(X, center=center), 1 / 6)
    assert_allclose(spectral_decay(X, center=center), 0, atol=1e-7)
    assert_allclose(partition_isotropy(X, center=center), 1)
    assert_allclose(iso_score(X), 1)


def test_rows_on_a_line_have_the_other_extreme_values():
    X = np.outer([1.0, 2.0, -3.0], [3.0, 4.0, 0.0])
    assert_allclose(participation_ratio(X), 1)
    assert_allclose(effective_rank(X), 1)
    assert_allclose(spectral_entropy(X), 0, atol=1e-9)
    assert_allclose(condition_number(X), 1)
    assert_allclose(explained_share(X), 1)
    assert_allclose(iso_score(X), 0, atol=1e-9)


@pytest.mark.parametrize("exponent", [-0.3, -1.0, -2.0])
def test_decay_of_a_power_law_is_its_exponent(make_planted, exponent):
    X = make_planted(np.arange(1.0, 31.0) ** exponent, 100, 30)
    assert_allclose(spectral_decay(X), exponent, rtol=1e-6)


def _partition(X, center):
    X = X - X.mean(axis=0) if center else X
    vectors = np.linalg.eigh(X.T @ X)[1].T
    logs = [logsumexp(sign * X @ c) for c in vectors for sign in (1, -1)]
    return math.exp(min(logs) - max(logs))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("shape", [(50, 8), (6, 40), (4, 5)])
@pytest.mark.parametrize("size", [0.1, 1.0, 300.0])
def test_partition_isotropy_equals_its_formula_without_overflow(make_cone, center, shape, size):
    X = size * make_cone(*shape)
    X[2] = 0.0
    assert_allclose(partition_isotropy(X, center=center), _partition(X, center), rtol=1e-6)


@pytest.mark.parametrize("center", [False, True])
def test_partition_expansions_equal_their_formulas(make_cone, center):
    X = make_cone()
    rows = X - X.mean(axis=0) if center else X
    n, total, s = 120, np.linalg.norm(rows.sum(axis=0)), _values(rows)
    assert_allclose(partition_isotropy(X, order=1, center=center), (n - total) / (n + total))
    assert_allclose(
        partition_isotropy(X, order=2, center=center),
        (n - total + s[-1] ** 2 / 2) / (n + total + s[0] ** 2 / 2),
    )


def test_second_order_counts_the_empty_directions_of_wide_rows(make_cone):
    X = make_cone(6, 40)
    total, s = np.linalg.norm(X.sum(axis=0)), _values(X)
    expected = (6 - total) / (6 + total + s[0] ** 2 / 2)  # s_min is 0
    assert_allclose(partition_isotropy(X, order=2), expected)


def test_expansions_come_close_for_short_rows(make_cone):
    X = 0.05 * make_cone()
    exact = partition_isotropy(X)
    first, second = (abs(partition_isotropy(X, order=order) - exact) for order in (1, 2))
    assert second < 0.02
    assert first < 0.05


def test_report_holds_the_values_of_the_functions(make_cone):
    X = make_cone(n=200, d=12, decay=0.9)
    report = anisotropy_report(X)
    assert all(type(value) is float for value in report.values())
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    expected = {
        "n_items": 200,
        "n_dims": 12,
        "rank": 12,
        "mean_cosine": mean_cosine(X),
        "mean_direction": np.linalg.norm(units.mean(axis=0)),
        "iso_score": iso_score(X),
    }
    for center, ending in ((False, ""), (True, "_centered")):
        for measure in SPECTRAL:
            name = {"explained_share": "explained_share_1"}.get(measure.__name__, measure.__name__)
            expected[name + ending] = measure(X, center=center)
        expected["explained_share_10" + ending] = explained_share(X, 10, center=center)
        for order in (1, 2):
            value = partition_isotropy(X, order=order, center=center)
            expected[f"partition_isotropy_{order}{ending}"] = value
    assert report.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(report[name], value, rtol=1e-10, atol=1e-12, err_msg=name)


def test_report_reads_the_rows_once(make_cone, tmp_path, monkeypatch):
    np.save(tmp_path / "vectors.npy", make_cone(n=300).astype(np.float16))
    rows = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    monkeypatch.setattr(_row_blocks, "_BLOCK_BYTES", 8 * 10 * 100)
    parts = []
    read = _row_moments.read_rows

    def noting(X, part, **options):
        parts.append((part.start, part.stop))
        return read(X, part, **options)

    monkeypatch.setattr(_row_moments, "read_rows", noting)
    report = anisotropy_report(rows)
    assert parts == [(0, 100), (100, 200), (200, 300)]
    assert_allclose(report["mean_cosine"], mean_cosine(np.asarray(rows)), rtol=1e-10)


def test_report_has_no_slope_for_a_few_directions(make_planted):
    assert math.isnan(anisotropy_report(make_planted([2.0, 1.0], 30, 6))["spectral_decay"])


@given(seed=st.integers(0, 2**32 - 1), center=st.booleans())
def test_rotation_and_order_of_rows_change_nothing(make_cone, seed, center):
    X = make_cone(n=40, d=6)
    order = np.random.default_rng(seed).permutation(40)
    turned = X[order] @ ortho_group.rvs(6, random_state=seed)
    for measure in SPECTRAL:
        assert_allclose(measure(turned, center=center), measure(X, center=center), rtol=1e-7)
    for measure in (mean_cosine, iso_score, partition_isotropy):
        assert_allclose(measure(turned), measure(X), rtol=1e-7)


@given(size=st.floats(1e-5, 1e5), center=st.booleans())
def test_global_size_changes_nothing(make_cone, size, center):
    X = make_cone(n=40, d=6)
    for measure in SPECTRAL:
        assert_allclose(measure(size * X, center=center), measure(X, center=center), rtol=1e-7)
    for measure in (mean_cosine, iso_score):
        assert_allclose(measure(size * X), measure(X), rtol=1e-7)


@given(shift=st.floats(-100, 100))
def test_centred_measures_ignore_a_common_shift(make_cone, shift):
    X = make_cone(n=40, d=6)
    for measure in SPECTRAL:
        assert_allclose(measure(X + shift, center=True), measure(X, center=True), rtol=1e-6)
    assert_allclose(iso_score(X + shift), iso_score(X), rtol=1e-6)
    expected = partition_isotropy(X, center=True)
    assert_allclose(partition_isotropy(X + shift, center=True), expected, rtol=1e-6)


@pytest.mark.parametrize("measure", [*SPECTRAL, mean_cosine, iso_score, partition_isotropy])
def test_values_do_not_depend_on_the_width_of_floats(make_cone, measure):
    X = make_cone(n=60, d=6).astype(np.float16)
    assert_allclose(measure(X), measure(X.astype(np.float64)), rtol=1e-12)


ALL = [*SPECTRAL, mean_cosine, iso_score, partition_isotropy, anisotropy_report]


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(("bad", "found"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_rows_that_are_not_finite_are_named(make_cone, measure, bad, found):
    X = make_cone()
    X[7, 1] = bad
    text = f"embeddings contains {found}, first in row 7; drop such rows or compute them again."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        measure(X)


@pytest.mark.parametrize("measure", [mean_cosine, anisotropy_report])
def test_rows_without_direction_are_named(make_cone, measure):
    X = make_cone()
    X[[5, 9]] = 0.0
    text = "embeddings has zero length in row 5; drop such rows, because they have no direction."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        measure(X)


@pytest.mark.parametrize(("center", "what"), [(False, "zero"), (True, "the same")])
@pytest.mark.parametrize("measure", SPECTRAL)
def test_rows_without_spread_are_refused(measure, center, what):
    X = np.full((5, 3), 2.0 if center else 0.0)
    text = f"^all rows of embeddings are {what}; there is no direction to measure.$"
    with pytest.raises(ValueError, match=text):
        measure(X, center=center)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: mean_cosine([[1.0, 2.0]]), "Found array with 1 sample(s) (shape=(1, 2)) while a"),
        (lambda: iso_score([[1.0], [2.0]]), "embeddings has one column; IsoScore needs at least"),
        (lambda: spectral_entropy([[1.0], [2.0]]), "embeddings has one column; its spectral"),
        (
            lambda: condition_number(CROSS, 3),
            "n_components must be between 1 and the rank of embeddings, 2, got 3.",
        ),
        (lambda: condition_number(CROSS, 0), "n_components must be between 1 and the rank"),
        (lambda: explained_share(CROSS, 0), "n_components must be at least 1, got 0."),
        (
            lambda: spectral_decay(CROSS),
            "embeddings has rank 2; a slope of the spectrum needs rank 4 or more.",
        ),
        (lambda: partition_isotropy(CROSS, order=3), "order must be None, 1 or 2, got 3."),
        (lambda: anisotropy_report([[1.0], [2.0]]), "Found array with 1 feature(s)"),
    ],
)
def test_calls_that_make_no_sense_are_refused(call, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        call()
