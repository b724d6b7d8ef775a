"""Tests of ACETransformer(spectrum="power"): the sibling U S^a of the ridge."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skace.embeddings import ACETransformer
from skace.embeddings._ridge import exponent_for_isotropy, participation, power_factors

spectra = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=20).map(
    lambda values: np.sort(values)[::-1]
)


@pytest.mark.parametrize(("exponent", "alpha"), [(0.0, 0.0), (1.0, math.inf)])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("scale", [None, 0.1])
def test_ends_are_those_of_the_ridge(make_cone, exponent, alpha, center, scale):
    F = make_cone()
    settings = {"n_components": 6, "center": center, "scale": scale}
    power = ACETransformer(spectrum="power", exponent=exponent, **settings).fit_transform(F)
    ridge = ACETransformer(alpha=alpha, **settings).fit_transform(F)
    assert_allclose(power, ridge, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("solver", ["full", "gram", "randomized"])
def test_output_is_left_vectors_times_powers_of_singular_values(
    make_cone, exponent, center, solver
):
    F = make_cone()
    rows = F / np.linalg.norm(F, axis=1, keepdims=True)
    U, S, _ = np.linalg.svd(rows - rows.mean(axis=0) if center else rows, full_matrices=False)
    ace = ACETransformer(
        5, spectrum="power", exponent=exponent, center=center, solver=solver, scale=None,
        random_state=0,
    )  # fmt: skip
    assert_allclose(np.abs(ace.fit_transform(F)), np.abs(U[:, :5] * S[:5] ** exponent), atol=1e-9)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 1.0])
def test_new_rows_are_mapped_like_training_rows(make_cone, exponent):
    F = make_cone()
    ace = ACETransformer(6, spectrum="power", exponent=exponent).fit(F)
    assert_allclose(ace.transform(F[[5, 2]]), ace.transform(F)[[5, 2]], atol=1e-12)
    assert_allclose(ace.inverse_transform(ace.transform(F)), _best_of_rank(F, 6), atol=1e-9)


def _best_of_rank(F, k):
    rows = F / np.linalg.norm(F, axis=1, keepdims=True)
    U, S, Vt = np.linalg.svd(rows, full_matrices=False)
    return U[:, :k] * S[:k] @ Vt[:k]


@pytest.mark.parametrize("target", [0.6, 0.9, 1.0])
@pytest.mark.parametrize("center", [False, True])
def test_target_isotropy_chooses_the_exponent(make_cone, target, center):
    F = make_cone(decay=0.6)
    ace = ACETransformer(6, spectrum="power", target_isotropy=target, center=center).fit(F)
    E = ace.transform(F)
    eigenvalues = np.linalg.eigvalsh(E.T @ E)
    assert_allclose(eigenvalues.sum() ** 2 / np.sum(eigenvalues**2) / 6, target, atol=1e-8)
    again = ACETransformer(6, spectrum="power", exponent=ace.exponent_, center=center)
    assert_array_equal(again.fit_transform(F), E)


@settings(deadline=None)
@given(spectra, st.floats(0.001, 1.0))
def test_bisection_hits_every_target_that_can_be_reached(values, where):
    lowest = participation(values**2) / values.size
    target = lowest + where * (1.0 - lowest)
    exponent = exponent_for_isotropy(values, target)
    assert 0.0 <= exponent <= 1.0
    reached = participation(power_factors(values, exponent) ** 2) / values.size
    assert_allclose(reached, target, atol=1e-6)


@settings(deadline=None)
@given(spectra, st.floats(0, 1), st.floats(0, 1))
def test_participation_falls_as_the_exponent_grows(values, one, other):
    low, high = sorted([one, other])
    at = {a: participation(power_factors(values, a) ** 2) for a in (low, high)}
    assert at[high] <= at[low] * (1 + 1e-9)


@pytest.mark.parametrize(("target", "exponent"), [(1.0, 0.0), (0.68, 1.0)])
def test_ends_of_the_range_are_zero_and_one(target, exponent):
    # Squares 4 and 1: (4 + 1)^2 / (16 + 1) / 2 is .735; of 3 and 1, 100 / 82 / 2 is .61.
    values = np.array([2.0, 1.0])
    lowest = participation(values**2) / 2
    found = exponent_for_isotropy(values, lowest if exponent else target)
    assert_allclose(found, exponent, atol=1e-9)


def test_a_target_out_of_reach_names_the_range_in_exponents():
    text = (
        "target_isotropy=0.3 cannot be reached: with these 4 components the isotropy of the "
        "output goes from 0.7353 (exponent=1) to 1 (exponent=0). Choose a value in between, or "
        "more components."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        exponent_for_isotropy(np.array([1.0, 1.0, 0.5, 0.5]), 0.3)


@pytest.mark.parametrize(
    ("settings", "alpha", "exponent"),
    [
        ({"alpha": 2.0, "alpha_mode": "absolute"}, 2.0, None),
        ({"spectrum": "power", "exponent": 1}, None, 1.0),
        ({"spectrum": "power", "alpha": 2.0}, None, 0.5),
    ],
)
def test_only_the_number_that_decided_is_kept(make_cone, settings, alpha, exponent):
    ace = ACETransformer(4, **settings).fit(make_cone())
    assert (ace.alpha_, ace.exponent_) == (alpha, exponent)
    if exponent is not None:
        assert_allclose(ace.shrinkage_, ace.singular_values_**exponent)


def test_alpha_does_not_count_with_a_power_nor_the_exponent_with_a_ridge(make_cone):
    F = make_cone()
    one, two = (ACETransformer(4, spectrum="power", alpha=a).fit_transform(F) for a in (0, 9))
    assert_array_equal(one, two)
    one, two = (ACETransformer(4, exponent=a).fit_transform(F) for a in (0, 1))
    assert_array_equal(one, two)
    one, two = (
        ACETransformer(4, spectrum="power", exponent=a).fit_transform(F) for a in (0.2, 0.4)
    )
    assert np.abs(one - two).max() > 1e-3


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_entries_have_the_wanted_deviation(make_cone, scale):
    E = ACETransformer(4, spectrum="power", scale=scale).fit_transform(make_cone())
    assert_allclose(E.std(), scale, rtol=1e-9)


def test_partial_fit_keeps_the_power(make_cone):
    F = make_cone()
    parts = ACETransformer(4, spectrum="power").partial_fit(F[:50]).partial_fit(F[50:])
    once = ACETransformer(4, spectrum="power").fit(F)
    assert_allclose(parts.transform(F), once.transform(F), atol=1e-9)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"exponent": 1.5},
            "The 'exponent' parameter of ACETransformer must be a float in the range [0.0, 1.0]. "
            "Got 1.5 instead.",
        ),
        (
            {"spectrum": "root"},
            "The 'spectrum' parameter of ACETransformer must be a str among {'power', 'ridge'}. "
            "Got 'root' instead.",
        ),
    ],
)
def test_parameters_out_of_range_are_refused(make_cone, params, text):
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the text is compared below)
        ACETransformer(**params).fit(make_cone())
    assert sorted(str(error.value)) == sorted(text)  # a set has no order
