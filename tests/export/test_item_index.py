"""ItemIndex with both libraries."""
# SPDX-License-Identifier: BSD-3-Clause

import importlib.util

import numpy as np
import pytest

from skace.export import ItemIndex
from skace.export._query_space import QuerySpace

PACKAGES = {"usearch": "usearch", "faiss": "faiss"}


@pytest.fixture(params=PACKAGES)
def library(request):
    if importlib.util.find_spec(PACKAGES[request.param]) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="module")
def vectors():
    """Vectors of different lengths, so that the nearest is not the one of the largest product."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(900, 12)) * rng.uniform(0.2, 3, size=(900, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def states():
    return np.random.default_rng(1).normal(size=(40, 12)).astype(np.float32)


def test_it_finds_the_largest_inner_products(library, vectors, states):
    index = ItemIndex(vectors, library=library)
    assert index.calibrate(states, k=10, recall=0.99) >= 0.99
    rows, scores = index.search(states, k=10)
    products = states @ vectors.T
    best = np.argsort(-products, axis=1)[:, :10]
    found = np.mean([np.isin(exact, own).mean() for exact, own in zip(best, rows, strict=True)])
    assert found >= 0.99
    np.testing.assert_allclose(scores, np.take_along_axis(products, rows, axis=1), rtol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize(("lean", "decay"), [(0, 1), (10, 0.9)], ids=["all around", "in a cone"])
def test_a_graph_answers_queries_that_are_unlike_all_vectors(lean, decay, random_state):
    pytest.importorskip("usearch")
    rng = np.random.default_rng(random_state)
    vectors = rng.normal(size=(4000, 64)) * decay ** np.arange(64) + lean * np.eye(64)[0]
    states = 5 * rng.normal(size=(60, 64))
    _, scores = ItemIndex(vectors, library="usearch", effort=140).search(states, 20)
    least = np.sort(states @ vectors.T, axis=1)[:, [-20]]
    assert (scores >= least - 1e-3).mean() > 0.96


def test_a_graph_for_typical_queries_follows_fewer_links(random_state):
    """Queries that look along a few of the directions in which items differ."""
    pytest.importorskip("usearch")
    rng = np.random.default_rng(random_state)
    vectors = rng.normal(size=(4000, 64))
    states = rng.normal(size=(1060, 64)) * 0.85 ** np.arange(64)
    scales = 10.0 ** rng.uniform(-2, 2, 64)  # columns are of one size by chance only
    vectors, states = vectors * scales, states / scales
    typical, asked = states[:1000], states[1000:]
    least = np.sort(asked @ vectors.T, axis=1)[:, [-20]]

    def share(queries):
        index = ItemIndex(vectors, library="usearch", effort=30, queries=queries)
        _, scores = index.search(asked, 20)
        return (scores >= least - 1e-3).mean()

    assert share(typical) > share(None) + 0.05


def test_a_query_space_keeps_products(vectors, states, random_state):
    scales = 10.0 ** np.random.default_rng(random_state).uniform(-2, 2, 12)
    made, asked = vectors * scales, states[:5] / scales  # fewer queries than columns
    space = QuerySpace(asked, scales)
    found = space.of_queries(states / scales) @ space.of_vectors(made).T
    np.testing.assert_allclose(found, states @ vectors.T, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("length", [1e-30, 1, 1e30])
def test_typical_queries_may_have_any_length(vectors, states, length):
    pytest.importorskip("usearch")
    with np.errstate(all="raise", under="ignore"):
        index = ItemIndex(vectors, library="usearch", effort=900, queries=length * states)
    rows, _ = index.search(states, 10)
    best = np.argsort(-(states @ vectors.T), axis=1)[:, :10]
    found = [np.isin(exact, own).mean() for exact, own in zip(best, rows, strict=True)]
    assert np.mean(found) > 0.99


@pytest.mark.parametrize("length", [1e-3, 1, 1e3])
def test_the_length_of_a_query_decides_nothing(library, vectors, states, length):
    index = ItemIndex(vectors, library=library, effort=900)
    rows, scores = index.search(states, 10)
    scaled_rows, scaled = index.search(length * states, 10)
    assert (scaled_rows == rows).mean() > 0.99
    np.testing.assert_allclose(scaled, length * scores, rtol=1e-4)


def test_one_very_long_vector_hides_no_other(vectors, states):
    pytest.importorskip("faiss")
    vectors = vectors.copy()
    vectors[0] *= 50 / np.linalg.norm(vectors[0])
    _, scores = ItemIndex(vectors, library="faiss", effort=900).search(states, 20)
    least = np.sort(states @ vectors.T, axis=1)[:, [-20]]
    assert (scores >= least - 1e-3).mean() > 0.99


@pytest.mark.parametrize("width", [1, 7, 15, 16, 40])
def test_faiss_compares_whole_steps(width, random_state):
    faiss = pytest.importorskip("faiss")
    vectors = np.random.default_rng(random_state).normal(size=(200, width))
    index = ItemIndex(vectors, library="faiss", effort=200)
    assert isinstance(index.native, faiss.IndexIVFScalarQuantizer)
    assert index.native.d % 16 == 0
    rows, scores = index.search(vectors[:20] * 0, 5)  # all are alike to it
    assert {len(set(row)) for row in rows.tolist()} == {5}
    assert (scores == 0).all()
    _, scores = index.search(vectors[:20], 5)
    least = np.sort(vectors[:20] @ vectors.T, axis=1)[:, [-5]]
    assert (scores >= least - 1e-3).mean() > 0.99


def test_a_graph_rounds_each_column_in_its_own_steps(vectors, states):
    pytest.importorskip("usearch")
    scales = np.ones(12, dtype=np.float32)
    scales[[0, 5]] = 1000, 0  # one that outweighs all others, and one that says nothing
    made, asked = vectors * scales, states / np.where(scales > 0, scales, 1)
    rows, _ = ItemIndex(made, library="usearch", effort=900).search(asked, k=10)
    best = np.argsort(-(asked @ made.T), axis=1)[:, :10]
    found = [np.isin(exact, own).mean() for exact, own in zip(best, rows, strict=True)]
    assert np.mean(found) > 0.99


def test_effort_is_what_finds_more(library, vectors, states):
    def share(effort):
        rows, _ = ItemIndex(vectors, library=library, effort=effort).search(states, k=10)
        best = np.argsort(-(states @ vectors.T), axis=1)[:, :10]
        return np.mean([np.isin(exact, own).mean() for exact, own in zip(best, rows, strict=True)])

    assert share(1) < share(900) > 0.99


def test_it_answers_with_ids(library, vectors, states):
    ids = [f"item {row}" for row in range(len(vectors))]
    index = ItemIndex(vectors, ids, library=library)
    rows, _ = ItemIndex(vectors, library=library).search(states)
    named, _ = index.search(states)
    np.testing.assert_array_equal(named, np.array(ids)[rows])


def test_items_of_a_network_are_found_by_its_states(library, fitted, histories):
    model = fitted("sasrec, without features")
    index = ItemIndex.from_estimator(model, library=library, effort=500)
    item_ids, scores = index.search(model.encode(histories), k=5)
    expected = model.recommend(histories, 5)
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-4, atol=1e-5)
    assert index.n_items == 60 - int(model.is_cold_.sum())
    assert (item_ids == expected.item_ids).mean() > 0.9


@pytest.mark.parametrize("name", ["ease", "neighbours", "gram"])
def test_models_without_vectors_are_refused(fitted, name):
    with pytest.raises(TypeError, match="has no dense vectors whose inner products"):
        ItemIndex.from_estimator(fitted(name))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"library": "annoy"}, "library must be 'faiss' or 'usearch', got 'annoy'"),
        ({"item_ids": [1, 2]}, "item_ids has 2 ids for 900 vectors"),
        ({"effort": 0}, r"effort must be an int in the range \[1, inf\), got 0"),
        ({"n_threads": 0.5}, r"n_threads must be an int in the range \[1, inf\), got 0.5"),
    ],
)
def test_bad_arguments_are_named(vectors, arguments, text):
    with pytest.raises(ValueError, match=text):
        ItemIndex(vectors, **arguments)


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((0, 3)), [[np.nan, 1.0]]])
def test_vectors_must_be_a_finite_matrix(bad):
    with pytest.raises(ValueError, match=r"vectors (must be a filled matrix|holds NaN)"):
        ItemIndex(bad)


def test_questions_are_checked(library, vectors, states):
    index = ItemIndex(vectors, library=library)
    with pytest.raises(ValueError, match="states have 5 columns, but the vectors have 12"):
        index.search(states[:, :5])
    with pytest.raises(ValueError, match=r"k must be an int in the range \[1, 900\], got 901"):
        index.search(states, k=901)
    with pytest.raises(ValueError, match=r"recall must be in \(0, 1\], got 2"):
        index.calibrate(states, recall=2)


def test_lists_are_filled_although_few_cells_hold_so_many():
    pytest.importorskip("faiss")
    vectors = np.random.default_rng(0).normal(size=(1000, 16))
    best, scores = ItemIndex(vectors, library="faiss").search(vectors[:3], k=100)
    assert np.isfinite(scores).all()
    assert all(np.unique(row).size == 100 for row in best)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"item_ids": [1, 1, 2]}, "item_ids holds an id twice"),
        ({"library": "faiss", "n_threads": 2}, "n_threads=2 is for usearch"),
        ({"library": "faiss", "queries": np.eye(3)}, "queries are for usearch"),
        ({"library": "usearch", "queries": np.zeros((2, 3))}, "queries are all zeros"),
        ({"queries": np.ones((2, 4))}, "queries have 4 columns, but the vectors have 3"),
        ({"queries": [[1, np.nan, 0]]}, "queries holds NaN"),
    ],
)
def test_what_an_index_cannot_keep_to_is_refused(arguments, text):
    pytest.importorskip(arguments.get("library", "faiss"))
    with pytest.raises(ValueError, match=text):
        ItemIndex(np.eye(3), **arguments)
