"""Tests of EmbeddingMapDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skace import SASRecEstimator
from skace.embeddings import ACETransformer
from skace.inspection import EmbeddingMapDisplay


@pytest.fixture
def counts(shop):
    return np.bincount(shop.items, minlength=60)


def test_pca_puts_items_at_their_first_two_scores(cone):
    display = EmbeddingMapDisplay.from_embeddings(cone)
    assert_allclose(np.abs(display.positions), np.abs(PCA(2).fit_transform(cone)), atol=1e-9)
    assert display.counts is None
    assert display.colorbar_ is None


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_maps_are_drawn_with_labels_and_a_scale(shop, counts, method, check_drawing):
    display = EmbeddingMapDisplay.from_embeddings(shop, method=method, random_state=0)
    assert display.positions.shape == (60, 2)
    assert_array_equal(display.counts, counts)
    texts = check_drawing(display)
    first = {"pca": "principal component 1", "tsne": "t-SNE dimension 1"}[method]
    n_cold = int((counts == 0).sum())
    assert {first, "training events of the item", f"no training event ({n_cold})"} <= set(texts)


def test_cold_items_are_rings_over_the_others_and_popular_ones_on_top(shop, counts):
    display = EmbeddingMapDisplay.from_embeddings(shop)
    cold, warm = display.ax_.collections
    assert cold.get_zorder() > warm.get_zorder()
    assert len(cold.get_facecolor()) == 0
    assert len(set(cold.get_edgecolor()[0, :3])) == 1  # a grey
    assert cold.get_linewidth()[0] > 0
    assert len(cold.get_offsets()) == (counts == 0).sum()
    colored = np.asarray(warm.get_array())
    assert_array_equal(colored, np.sort(counts[counts > 0]))
    last = display.positions[np.flatnonzero(counts == counts.max())]
    assert (np.abs(last - warm.get_offsets()[-1]) < 1e-12).all(axis=1).any()


def test_a_catalog_without_cold_items_has_no_legend(cone):
    display = EmbeddingMapDisplay.from_embeddings(cone, counts=np.ones(60, dtype=int))
    assert len(display.ax_.collections) == 1
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("wrap", [False, True])
def test_a_recommender_is_mapped_by_its_trained_vectors(shop, wrap, counts):
    rec = SASRecEstimator(n_layers=1, n_heads=1, max_epochs=1, early_stopping=False, random_state=0)
    model = make_pipeline(ACETransformer(4), rec) if wrap else rec
    model.fit(shop)
    fitted = model[-1] if wrap else model
    display = EmbeddingMapDisplay.from_estimator(model)
    expected = PCA(2).fit_transform(fitted.item_vectors_.astype(float))
    assert_allclose(np.abs(display.positions), np.abs(expected), atol=1e-5)
    assert_array_equal(display.counts, counts)


def test_a_transformer_is_mapped_by_its_output(shop, counts):
    ace = ACETransformer(4).fit(shop)
    display = EmbeddingMapDisplay.from_estimator(ace, shop)
    expected = PCA(2).fit_transform(ace.transform(shop.catalog.features))
    assert_allclose(np.abs(display.positions), np.abs(expected), atol=1e-9)
    assert_array_equal(display.counts, counts)


@pytest.mark.parametrize(("max_items", "n_drawn"), [(10, 10), (60, 60), (1000, 60), (None, 60)])
def test_items_above_the_limit_are_drawn_by_lot(shop, counts, max_items, n_drawn):
    one, two = (
        EmbeddingMapDisplay.from_embeddings(shop, max_items=max_items, random_state=0)
        for _ in range(2)
    )
    assert one.positions.shape == (n_drawn, 2)
    assert_array_equal(one.positions, two.positions)
    assert np.isin(one.counts, counts).all()
    assert len(one.counts) == n_drawn


def test_a_single_column_is_drawn_on_a_line(cone):
    display = EmbeddingMapDisplay.from_embeddings(cone[:, :1])
    assert_array_equal(display.positions[:, 1], 0.0)


def test_keywords_reach_the_points(cone):
    display = EmbeddingMapDisplay.from_embeddings(cone, s=99, color="black")
    assert_array_equal(display.points_.get_sizes(), [99])
    assert_array_equal(display.points_.get_facecolor(), [[0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"method": "umap"}, "method must be 'pca' or 'tsne', got 'umap'."),
        (
            {"counts": [1, 2]},
            "counts must have one value per item, shape (60,), got shape (2,).",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(cone, arguments, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        EmbeddingMapDisplay.from_embeddings(cone, **arguments)


@pytest.mark.parametrize("rows", [np.ones((2, 4)), np.ones(7)])
def test_matrices_too_small_for_a_map_are_refused(rows):
    with pytest.raises(
        ValueError, match=r"^embeddings must have two dimensions and at least three"
    ):
        EmbeddingMapDisplay.from_embeddings(rows)


def test_models_without_vectors_are_refused(shop):
    with pytest.raises(TypeError, match=r"^Judge has no item vectors to draw: pass a fitted"):
        EmbeddingMapDisplay.from_estimator(type("Judge", (), {})())
    with pytest.raises(TypeError, match=r"^X must be Interactions for ACETransformer to transform"):
        EmbeddingMapDisplay.from_estimator(ACETransformer(4).fit(shop), None)
