"""Items like an item, by weights or by vectors."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skace import (
    ACETransformer,
    EASEEstimator,
    Interactions,
    ItemKNNEstimator,
    PopularityEstimator,
    SASRecEstimator,
    SLISTEstimator,
    VotingRecommender,
)
from skace.recommenders import DiversifiedRecommender, SimilarItems, similar_items


@pytest.fixture
def X(make_log):
    return make_log(n_users=40, n_items=9, n_features=4)


def network():
    return SASRecEstimator(k=1, max_epochs=1, early_stopping=False, random_state=0)


def weights_of(model):
    return model.coef_


def cosines_of(model):
    unit = model.item_vectors_ / np.linalg.norm(model.item_vectors_, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize(
    ("make_model", "expected_of"),
    [
        (lambda: EASEEstimator(k=1, regularization=5), weights_of),
        (lambda: SLISTEstimator(k=1, regularization=5), weights_of),
        (lambda: ItemKNNEstimator(k=1), lambda model: model.coef_.toarray()),
        (network, cosines_of),
    ],
)
def test_lists_are_those_of_the_weights_or_cosines(X, make_model, expected_of):
    model = make_model().fit(X)
    asked = [3, 0, 3, 8]
    expected = np.array(expected_of(model)[asked], dtype=float)
    expected[np.arange(4), asked] = -np.inf
    found = similar_items(model, asked, k=5)
    order = np.argsort(-expected, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(found.item_ids, order)
    best = np.take_along_axis(expected, order, axis=1)
    np.testing.assert_allclose(found.scores, best, atol=1e-6)
    assert isinstance(found, SimilarItems)


def test_absent_weights_only_fill_up():
    model = ItemKNNEstimator(k=1).fit([["a", "b"], ["c", "d"], ["a", "b"]])
    found = similar_items(model, ["a", "b"], k=3)
    assert found.to_lists() == [["b"], ["a"]]
    assert found.item_ids.shape == (2, 3)


def test_items_of_which_the_model_knows_nothing_are_similar_to_none(make_log):
    X = make_log(n_users=40, n_items=9)
    kept = X.items != 4
    cold = Interactions(X.users[kept], X.items[kept], catalog=X.catalog)
    for model in (EASEEstimator(k=1, regularization=5), network()):
        found = similar_items(model.fit(cold), [1, 4], k=8)
        assert 4 not in found.to_lists()[0]


def test_pipelines_and_frames_with_titles(X):
    pipe = make_pipeline(ACETransformer(n_components=4), network()).fit(X)
    items = pd.DataFrame({"item_id": np.arange(9), "title": [f"Item {n}" for n in range(9)]})
    found = similar_items(pipe, [2, 5], k=2)
    frame = found.to_frame(items=items)
    assert frame.columns.tolist() == ["row", "asked_id", "rank", "item_id", "score", "title"]
    assert frame["asked_id"].tolist() == [2, 2, 5, 5]
    assert frame["title"].tolist() == [f"Item {n}" for n in found.item_ids.ravel()]
    diverse = DiversifiedRecommender(pipe, k=2).fit(X)
    np.testing.assert_array_equal(similar_items(diverse, [2, 5], k=2).item_ids, found.item_ids)
    assert similar_items(pipe, [], k=2).item_ids.shape == (0, 2)


@pytest.mark.parametrize(
    ("make_model", "ids", "k", "error", "text"),
    [
        (EASEEstimator, [77], 2, ValueError, "ids holds 1 item id(s) that the model does not know"),
        (EASEEstimator, ["x"], 2, ValueError, "ids are strings (first 'x'), but the model was"),
        (EASEEstimator, [1], 9, ValueError, "k must be an int in the range [1, 9), got 9."),
        (EASEEstimator, [1], 0, ValueError, "k must be an int in the range [1, 9), got 0."),
        (EASEEstimator, [[1]], 2, ValueError, "ids must be one-dimensional"),
        (PopularityEstimator, [1], 2, TypeError, "PopularityEstimator has neither weights of"),
        (
            lambda k: VotingRecommender([("ease", EASEEstimator())], k=k),
            [1],
            2,
            TypeError,
            "VotingRecommender has neither weights of items",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused(X, make_model, ids, k, error, text):
    model = make_model(k=1).fit(X)
    with pytest.raises(error) as raised:
        similar_items(model, ids, k)
    assert text in str(raised.value)
