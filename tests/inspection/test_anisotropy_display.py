"""Tests of AnisotropyDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline

from skace import PopularityEstimator
from skace.embeddings import (
    ACETransformer,
    explained_share,
    iso_score,
    mean_cosine,
    participation_ratio,
    spectral_entropy,
)
from skace.inspection import AnisotropyDisplay


@pytest.fixture
def ace(cone):
    return ACETransformer(6, alpha=0.1).fit(cone)


def test_scores_are_those_of_the_functions_of_their_name(cone, ace):
    display = AnisotropyDisplay.from_estimator(ace, cone)
    for name, matrix in (("before", cone), ("after", ace.transform(cone))):
        expected = {
            "mean_cosine": mean_cosine(matrix),
            "first_share": explained_share(matrix, 1),
            "isotropy": participation_ratio(matrix) / matrix.shape[1],
            "iso_score": iso_score(matrix),
            "spectral_entropy": spectral_entropy(matrix),
        }
        assert display.scores[name] == pytest.approx(expected)
    assert display.scores["after"]["isotropy"] == pytest.approx(
        ace.anisotropy_["after"]["isotropy"]
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_cosines_are_those_of_distinct_items(cone, dtype):
    rows = cone[:4].astype(dtype)
    display = AnisotropyDisplay.from_embeddings({"four": rows}, n_pairs=9000, random_state=0)
    possible = cosine_similarity(rows.astype(float))[np.triu_indices(4, 1)]
    found = display.cosines["four"]
    nearest = np.abs(found[:, None] - possible).argmin(axis=1)
    assert_allclose(found, possible[nearest], atol=1e-6)
    shares = np.bincount(nearest, minlength=6) / found.size
    assert_allclose(shares, 1 / 6, atol=0.03)  # each pair as often as the others


def test_the_seed_decides_on_the_pairs(cone):
    one, two, other = (
        AnisotropyDisplay.from_embeddings({"a": cone, "b": cone}, n_pairs=50, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert_array_equal(one.cosines["a"], two.cosines["a"])
    assert_array_equal(one.cosines["a"], one.cosines["b"])
    assert (one.cosines["a"] != other.cosines["a"]).any()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cosines", {"cosine of two items", "density of pairs"}),
        ("scores", {"score", "IsoScore\n(isotropic: 1)", "before", "after"}),
    ],
)
def test_both_kinds_are_drawn_with_their_labels(shop, kind, expected, check_drawing):
    ace = ACETransformer(6, alpha=0.1).fit(shop)
    display = AnisotropyDisplay.from_estimator(ace, shop, kind=kind, n_pairs=500)
    texts = check_drawing(display)
    assert expected <= set(texts)
    assert len(display.artists_) == 2
    if kind == "cosines":
        mean = display.scores["after"]["mean_cosine"]
        assert f"after, mean {mean:.2f}" in texts
    else:
        widths = [bar.get_width() for bar in display.artists_[1]]
        assert_allclose(widths, list(display.scores["after"].values()))


def test_histograms_share_their_bins(cone, ace):
    display = AnisotropyDisplay.from_estimator(ace, cone, n_pairs=500)
    edges = [np.unique(patch.get_xy()[:, 0].round(9)) for patch in display.artists_]
    assert_array_equal(edges[0], edges[1])


def test_a_pipeline_without_its_recommender_will_do(shop):
    pipe = make_pipeline(ACETransformer(6), PopularityEstimator()).fit(shop)
    display = AnisotropyDisplay.from_estimator(pipe[:-1], shop, n_pairs=50)
    assert list(display.scores) == ["before", "after"]


def test_a_recommender_is_refused(shop):
    text = (
        "PopularityEstimator has no transform; pass an item transformer, for example "
        "pipeline[:-1] where the last step is a recommender."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        AnisotropyDisplay.from_estimator(PopularityEstimator().fit(shop), shop)


def test_another_kind_is_refused(cone, ace):
    with pytest.raises(ValueError, match=r"^kind must be 'cosines' or 'scores', got 'bars'\.$"):
        AnisotropyDisplay.from_estimator(ace, cone, kind="bars")


def test_a_catalog_without_vectors_is_refused(shop):
    with pytest.raises(ValueError, match=r"^X\.catalog has no dense vectors to draw; build"):
        AnisotropyDisplay.from_embeddings({"none": shop.with_features(None)})
