"""RepeatEstimator: what was taken before, newest and most often first, then what is popular."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skace import Interactions
from skace.recommenders import EASEEstimator, RepeatEstimator, StackingRecommender

LOG = [["tea", "milk"], ["tea", "egg", "milk"], ["milk", "jam"]]


def test_each_event_adds_to_its_item_and_popularity_orders_the_rest():
    model = RepeatEstimator(k=1, history_decay=2.0, popularity_weight=0.3).fit(LOG)
    assert model.item_ids_.tolist() == ["egg", "jam", "milk", "tea"]
    popular = 0.3 * np.array([1, 1, 3, 2]) / 3
    taken = [np.exp(-1), 1 + np.exp(-0.5), 0, 0]
    assert_allclose(model.decision_function([["egg", "jam", "jam"]]), [popular + taken], atol=1e-6)


@pytest.mark.parametrize(
    ("decay", "best"), [(None, ["milk", "tea", "egg"]), (1.0, ["egg", "tea", "milk"])]
)
def test_without_decay_a_history_is_a_set_that_popularity_orders(decay, best):
    model = RepeatEstimator(k=3, history_decay=decay).fit(LOG)
    assert model.predict([["milk", "tea", "egg"]]).tolist() == [best]


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


def test_vectors_give_the_scores():
    model = RepeatEstimator(k=1).fit(LOG)
    rows = [["tea"], ["jam", "egg", "tea"], ["milk", "milk"]]
    assert_allclose(
        model.encode(rows) @ model.item_vectors_.T.toarray(), model.decision_function(rows)
    )


def test_visitors_without_history_get_what_is_popular():
    for weight in (0.01, 0.0):
        model = RepeatEstimator(k=2, popularity_weight=weight).fit(LOG)
        assert model.predict([[]]).tolist() == [["milk", "tea"]]


def test_a_stack_learns_that_people_come_back():
    """Everybody takes one item again and again; who took what with what tells nothing."""
    rng = np.random.default_rng(0)
    own = rng.integers(40, size=300)
    once = rng.integers(40, size=(300, 6))
    items = np.insert(once, [1, 3, 6], own[:, None], axis=1)
    X = Interactions(np.repeat(np.arange(300), 9), items.ravel())
    members = [("ease", EASEEstimator()), ("repeat", RepeatEstimator())]
    stack = StackingRecommender(members, random_state=0).fit(X)
    assert stack.weights_[1] > 0.5
