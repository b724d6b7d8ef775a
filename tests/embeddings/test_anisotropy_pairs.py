"""Tests of the measures that look at pairs of rows."""
# SPDX-License-Identifier: BSD-3-Clause

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group, skew

from skace import Catalog, Interactions
from skace.embeddings import ACETransformer, alignment, hubness, uniformity
from skace.embeddings.anisotropy import _pairs as _anisotropy_pairs


@pytest.fixture
def _small_blocks(monkeypatch):
    """Blocks of 7 rows, so that small matrices take several."""
    monkeypatch.setattr(_anisotropy_pairs._blocks, "__defaults__", (0, 7))
    monkeypatch.setattr(_anisotropy_pairs, "_BLOCK_ROWS", 7)


def _unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("n", [2, 7, 40])
@pytest.mark.parametrize("t", [0.5, 2.0])
def test_uniformity_equals_the_mean_over_all_pairs(make_cone, n, t):
    X = make_cone(n=n)
    expected = math.log(np.mean(np.exp(-t * pdist(_unit(X)) ** 2)))
    assert_allclose(uniformity(X, t=t), expected, rtol=1e-10)


@pytest.mark.parametrize("d", [64, 256])
def test_uniformity_of_uniform_directions_comes_close_to_its_limit(d):
    X = np.random.default_rng(0).normal(size=(1500, d))
    assert_allclose(uniformity(X), -4 + 8 / d, atol=0.02)


def test_uniformity_at_the_ends():
    assert_allclose(uniformity([[1.0, 1.0], [2.0, 2.0]]), 0.0, atol=1e-14)
    assert uniformity([[1.0, 0.0], [-1.0, 0.0]], t=1e4) == -math.inf


def _naive_hubness(X, k):
    cosines = _unit(X) @ _unit(X).T
    np.fill_diagonal(cosines, -np.inf)
    counts = np.bincount(np.argsort(-cosines, axis=1)[:, :k].ravel(), minlength=len(X))
    return skew(counts), np.mean(counts == 0)


@pytest.mark.usefixtures("_small_blocks")
@pytest.mark.parametrize("k", [1, 5, 20])
def test_hubness_equals_the_count_over_sorted_neighbours(make_cone, k):
    X = make_cone(n=60)
    found = hubness(X, k)
    assert_allclose((found.skewness, found.anti_hub_share), _naive_hubness(X, k), rtol=1e-9)


def test_rows_at_equal_similarity_share_the_places():
    # Rows 1, 2 and 3 are equal, so that each is among the two nearest of row 0 by two thirds.
    X = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = hubness(X, 2)
    counts = np.array([0.0, 2 / 3 + 2, 2 / 3 + 2, 2 / 3 + 2])
    assert_allclose(found.skewness, skew(counts))
    assert found.anti_hub_share == 0.25


def test_everything_is_a_neighbour_when_k_is_all_others(make_cone):
    assert hubness(make_cone(n=9), 8) == (0.0, 0.0)


def test_a_common_direction_makes_hubs_and_ace_takes_them_away():
    cone = np.random.default_rng(0).normal(size=(400, 100)) + 1.0
    raw, white = hubness(cone), hubness(ACETransformer(100, alpha=0).fit_transform(cone))
    assert raw.skewness > 2
    assert raw.anti_hub_share > 0.1
    assert abs(white.skewness) < 0.6
    assert white.anti_hub_share == 0.0


def test_alignment_of_pairs_equals_the_mean_squared_distance(make_cone):
    X = make_cone()
    pairs = np.random.default_rng(0).integers(0, 120, size=(3000, 2))
    units = _unit(X)
    expected = np.mean(np.sum((units[pairs[:, 0]] - units[pairs[:, 1]]) ** 2, axis=1))
    assert_allclose(alignment(X, pairs), expected)
    assert_allclose(alignment(X, pairs.tolist()), expected)


def test_alignment_with_interactions_pairs_each_row_with_the_event_before():
    X = Interactions(
        ["al", "al", "al", "bo", "cy", "cy"],
        ["pen", "ink", "cap", "ink", "cap", "pen"],
        [1, 2, 3, 1, 1, 2],
        catalog=Catalog(["cap", "ink", "pen"]),
    )
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]])
    pen_ink, ink_cap, cap_pen = 2 - 2 * 0.8, 2 - 2 * 0.6, 2.0
    assert_allclose(alignment(vectors, X), (pen_ink + ink_cap + cap_pen) / 3)
    assert_allclose(alignment(vectors, X[[2]]), ink_cap)  # the past counts, the rows decide
    with pytest.raises(ValueError, match=r"^no row of positives has a past; there is no pair"):
        alignment(vectors, X[[0, 3]])
    with pytest.raises(ValueError, match="query rows have no item"):
        alignment(vectors, X.next_queries())
    text = (
        "embeddings has 2 rows, but the catalog of positives has 3 items; give one row per item, "
        "in the order of positives.catalog.item_ids."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        alignment(vectors[:2], X)


@given(seed=st.integers(0, 2**32 - 1), size=st.floats(1e-5, 1e5))
def test_rotation_order_and_size_change_nothing(make_cone, seed, size):
    X = make_cone(n=30, d=6)
    order = np.random.default_rng(seed).permutation(30)
    turned = size * X[order] @ ortho_group.rvs(6, random_state=seed)
    assert_allclose(uniformity(turned), uniformity(X), rtol=1e-9)
    assert_allclose(hubness(turned, 3), hubness(X, 3), rtol=1e-9)
    pairs = np.argsort(order)[[[0, 1], [4, 9]]]
    assert_allclose(alignment(turned, pairs), alignment(X, [[0, 1], [4, 9]]), rtol=1e-9)


@pytest.mark.parametrize("measure", [uniformity, hubness, lambda X: alignment(X, [[0, 7]])])
def test_rows_without_direction_are_named(make_cone, measure):
    X = make_cone()
    X[7] = 0.0
    text = "embeddings has zero length in row 7; drop such rows, because they have no direction."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        measure(X)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda X: uniformity(X, t=0), "t must be above 0, got 0."),
        (lambda X: uniformity(X[:1]), "Found array with 1 sample(s)"),
        (lambda X: hubness(X, 0), "k must be between 1 and n_items - 1 = 119, got 0."),
        (lambda X: hubness(X, 120), "k must be between 1 and n_items - 1 = 119, got 120."),
        (lambda X: alignment(X, []), "positives must be Interactions or integers of shape"),
        (
            lambda X: alignment(X, np.zeros((0, 2), dtype=int)),
            "positives is empty; there is nothing to average.",
        ),
        (
            lambda X: alignment(X, [[0.5, 1.0]]),
            "positives must be Interactions or integers of shape (n_pairs, 2), got dtype float64 "
            "and shape (1, 2).",
        ),
        (
            lambda X: alignment(X, [[-1, 120]]),
            "positives holds row numbers from -1 to 120, but embeddings has 120 rows.",
        ),
    ],
)
def test_calls_that_make_no_sense_are_refused(make_cone, call, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        call(make_cone())
