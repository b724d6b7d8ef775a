"""Tests of TiesDisplay."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest

from skace import Interactions
from skace.data._tie_facts import orders_of_ties
from skace.inspection import TiesDisplay


@pytest.fixture
def sorted_log():
    """Forty users with days of two items, sorted by id, and a shelf for each item."""
    rng = np.random.default_rng(0)
    items = np.sort(np.array([rng.permutation(20)[:6] for _ in range(40)]).reshape(40, 3, 2))
    users, times = np.repeat(np.arange(40), 6), np.tile([0, 0, 1, 1, 2, 2], 40)
    shelves = np.random.default_rng(1).permutation(np.unique(items).size)
    return Interactions(users, items.ravel(), times, tie_key=shelves)


def test_a_log_shows_its_ties_and_their_orders(sorted_log, check_drawing):
    display = TiesDisplay.from_interactions(sorted_log[:5])
    assert display.shares == {"events": 0.5, "last events": 1.0}
    assert list(display.orders) == ["item id", "tie_key"]
    for order in orders_of_ties(sorted_log):
        shown = display.orders[order.name]
        assert shown == {name: getattr(order, name) for name in shown}
    assert display.orders["item id"]["tied"] == 1
    texts = check_drawing(display)
    by_id = orders_of_ties(sorted_log)[0]
    ends = f"({by_id.low:+.3f} to {by_id.high:+.3f})"
    assert f"by item id\n{by_id.difference:+.3f}\n{ends}" in texts
    assert {"100.0%", "50.0%", f"{by_id.untied:.1%}", "tied", "ascend if tied"} <= set(texts)
    widths = [[bar.get_width() for bar in bars] for bars in display.bars_]
    assert widths[0] == [0.5, 1.0]
    assert widths[1][0] == 1.0
    assert widths[2][0] == by_id.untied


def test_a_log_without_ties_has_no_orders(check_drawing):
    display = TiesDisplay.from_interactions(Interactions([1, 1, 2], [5, 6, 7], [1, 2, 2]))
    assert display.shares == {"events": 0.0, "last events": 0.0}
    assert display.orders == {}
    check_drawing(display)


def test_bars_take_the_style_that_is_given(sorted_log):
    display = TiesDisplay.from_interactions(sorted_log, alpha=0.25)
    assert {bar.get_alpha() for bars in display.bars_ for bar in bars} == {0.25}


def test_what_has_no_ties_is_refused():
    text = (
        "the log of X has no timestamps, so no events are known to be of one moment; pass "
        "timestamps to Interactions."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        TiesDisplay.from_interactions(Interactions([1], [2]))
    with pytest.raises(TypeError, match=r"^X must be Interactions, got list; wrap it once with"):
        TiesDisplay.from_interactions([[1, 2]])
