"""Tests of SpectrumDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA

from skace.embeddings import ACETransformer, WhiteningTransformer
from skace.embeddings._decomposition import MEMO
from skace.inspection import SpectrumDisplay


@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("settings", [{}, {"center": True}, {"normalize": False}])
def test_lines_are_the_singular_values_before_and_after(cone, mode, settings):
    ace = ACETransformer(5, alpha_mode=mode, **settings)
    display = SpectrumDisplay.from_estimator(ace, cone, alphas=[0, 0.3, math.inf], exponents=[0.4])
    assert list(display.spectra) == [
        "before", "alpha = 0", "alpha = 0.3", "alpha = ∞", "exponent = 0.4",
    ]  # fmt: skip
    changes = {
        "before": {"n_components": None, "alpha": math.inf},
        "alpha = 0": {"alpha": 0},
        "alpha = 0.3": {"alpha": 0.3},
        "alpha = ∞": {"alpha": math.inf},
        "exponent = 0.4": {"spectrum": "power", "exponent": 0.4},
    }
    for name, change in changes.items():
        fitted = ACETransformer(**{"n_components": 5, "alpha_mode": mode} | settings | change)
        assert_allclose(display.spectra[name], fitted.fit(cone).shrinkage_, rtol=1e-9)


def test_lines_are_drawn_relative_to_the_largest_value(cone, check_drawing):
    display = SpectrumDisplay.from_estimator(ACETransformer(5), cone, alphas=[0, 1])
    texts = check_drawing(display)
    assert {"before", "alpha = 0", "alpha = 1", "direction, by size"} <= set(texts)
    for line, values in zip(display.lines_, display.spectra.values(), strict=True):
        assert_allclose(line.get_ydata(), values / values[0])
        assert_allclose(line.get_xdata(), np.arange(1, len(values) + 1))


def test_the_given_estimator_stays_unfitted_and_its_own_alpha_does_not_count(cone):
    ace = ACETransformer(5, alpha=3.0, target_isotropy=0.9)
    display = SpectrumDisplay.from_estimator(ace, cone, alphas=[1])
    assert not hasattr(ace, "components_")
    assert_allclose(display.spectra["alpha = 1"], ACETransformer(5).fit(cone).shrinkage_)


def test_all_alphas_cost_one_decomposition(shop):
    MEMO.clear()
    SpectrumDisplay.from_estimator(ACETransformer(5), shop, alphas=[0, 0.1, 1, 10])
    assert MEMO.n_computed == 1


@pytest.mark.parametrize("center", [False, True])
def test_matrices_and_interactions_are_compared_by_name(cone, shop, center, check_drawing):
    white = WhiteningTransformer().fit_transform(shop)
    display = SpectrumDisplay.from_embeddings(
        {"raw": shop, "white": white, "list": cone.tolist()}, center=center
    )
    assert {"raw", "white", "list"} <= set(check_drawing(display))
    rows = cone - cone.mean(axis=0) if center else cone
    assert_allclose(display.spectra["raw"], np.linalg.svd(rows, compute_uv=False))
    assert_allclose(display.spectra["list"], display.spectra["raw"])
    assert_allclose(display.spectra["white"], np.sqrt(59))
    colors = [line.get_color() for line in display.lines_]
    assert len(set(colors)) == 3


def test_tiny_values_do_not_flatten_the_rest():
    display = SpectrumDisplay({"raw": np.array([1.0, 0.5, 1e-12])}).plot()
    assert display.ax_.get_ylim()[0] == 1e-4


def test_keywords_reach_the_lines(cone):
    display = SpectrumDisplay.from_estimator(ACETransformer(5), cone, linewidth=7.5)
    assert {line.get_linewidth() for line in display.lines_} == {7.5}


def test_other_estimators_are_sent_to_from_embeddings(cone):
    text = (
        "estimator must be an ACETransformer, got PCA; for other transformers use "
        "SpectrumDisplay.from_embeddings({'before': F, 'after': Z})."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        SpectrumDisplay.from_estimator(PCA(), cone)
