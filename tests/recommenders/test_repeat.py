"""RepeatEstimator: what was taken before, newest and most often first, then what is popular."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skace import Interactions
from skace.export import export_numpy
from skace.recommenders import (
    EASEEstimator,
    RepeatEstimator,
    StackingRecommender,
    similar_items,
)

LOG = [["tea", "milk"], ["tea", "egg", "milk"], ["milk", "jam"]]


def test_each_event_adds_to_its_item_and_popularity_orders_the_rest():
    model = RepeatEstimator(k=1, history_decay=2.0, popularity_weight=0.3).fit(LOG)
    assert model.item_ids_.tolist() == ["egg", "jam", "milk", "tea"]
    popular = 0.3 * np.array([1, 1, 3, 2]) / 3
    taken = [np.exp(-1), 1 + np.exp(-0.5), 0, 0]
    assert_allclose(model.decision_function([["egg", "jam", "jam"]]), [popular + taken], atol=1e-6)


@pytest.mark.parametrize("history", [["jam", "jam", "milk"], ["milk", "jam", "jam"], ["egg"]])
def test_without_decay_the_events_are_counted(history):
    """GP-TopFreq: the most frequent of one's own items, then the most popular of all."""
    model = RepeatEstimator(k=4, history_decay=None).fit(LOG)
    assert model.item_ids_.tolist() == ["egg", "jam", "milk", "tea"]
    taken = np.array([history.count(item) for item in model.item_ids_])
    popular = np.array([1, 1, 3, 2])
    order = np.lexsort((-popular, -taken))
    assert model.predict([history]).tolist() == [model.item_ids_[order].tolist()]
    assert_allclose(model.decision_function([history]), [taken + 0.01 * popular / 3], atol=1e-6)


def test_frequent_items_stand_above_the_newest():
    history = ["jam", "jam", "jam", "egg"]
    for decay, best in ((50.0, "jam"), (0.5, "egg")):
        model = RepeatEstimator(k=1, history_decay=decay).fit(LOG)
        assert model.predict([history]).tolist() == [[best]]


def test_age_may_be_a_time():
    X = Interactions([*"aaab"], ["tea", "egg", "jam", "tea"], [0.0, 10.0, 11.0, 3.0])
    model = RepeatEstimator(k=1, history_decay=1.0, decay_by="time", popularity_weight=0).fit(X)
    found = model.decision_function(X.next_queries()[:1])
    assert_allclose(found, [[np.exp(-1), 1, np.exp(-11)]], atol=1e-6)
    with pytest.raises(ValueError, match="needs timestamps"):
        model.decision_function([["tea"]])


def test_popularity_is_counted_by_weight():
    X = Interactions([*"aab"], ["tea", "egg", "jam"])
    model = RepeatEstimator(k=1, popularity_weight=1.0).fit(X, sample_weight=[1.0, 4.0, 2.0])
    assert_allclose(model.decision_function([["tea"]]), [[1.0, 0.5, 1.25]])


@pytest.mark.parametrize("decay", [None, 2.0])
def test_few_candidates_are_scored_as_among_all(decay):
    model = RepeatEstimator(k=1, history_decay=decay).fit(LOG)
    rows = [["tea"], ["jam", "egg", "tea"], ["milk", "milk"]]
    item_ids, scores = model.recommend(rows, 2, candidates=["tea", "egg"])
    columns = np.searchsorted(model.item_ids_, item_ids)
    expected = np.take_along_axis(model.decision_function(rows), columns, axis=1)
    assert_allclose(scores, expected, atol=1e-6)
    assert sorted(item_ids[0]) == ["egg", "tea"]


def test_it_says_nothing_of_what_items_are_like():
    model = RepeatEstimator(k=1).fit(LOG)
    assert not hasattr(model, "encode")
    with pytest.raises(TypeError, match="RepeatEstimator"):
        similar_items(model, ["tea"], k=1)
    with pytest.raises(TypeError, match="RepeatEstimator"):
        export_numpy(model, "nowhere.npz")


@pytest.mark.parametrize("seed", range(3))
def test_a_stack_learns_that_people_come_back(seed):
    """Everybody takes one item again and again; who took what with what tells nothing."""
    rng = np.random.default_rng(seed)
    own = rng.integers(40, size=300)
    once = rng.integers(40, size=(300, 6))
    items = np.insert(once, [1, 3, 6], own[:, None], axis=1)
    X = Interactions(np.repeat(np.arange(300), 9), items.ravel())
    members = [("ease", EASEEstimator()), ("repeat", RepeatEstimator())]
    stack = StackingRecommender(members, random_state=0).fit(X)
    alone = StackingRecommender(members[:1], random_state=0).fit(X)
    assert stack.validation_score_ > 2 * alone.validation_score_
