"""Head and tail, warm and cold."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skace.metrics import popularity_groups

counts_of_items = hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 9))
shares = st.floats(0.01, 1.0)


@pytest.mark.parametrize(
    ("counts", "head", "expected"),
    [
        pytest.param([9, 1, 5, 1, 1], 0.2, [0], id="a fifth of five items is one"),
        pytest.param([9, 1, 5, 1, 1], 0.5, [0, 2], id="half of five items is two"),
        pytest.param([1, 7, 2], 0.01, [1], id="at least one"),
        pytest.param([3, 3, 3, 3], 0.5, [0, 1], id="ties in item order"),
        pytest.param([1, 0, 0, 0], 0.5, [0], id="a cold item is never head"),
        pytest.param([0, 0], 0.5, [], id="nothing is popular"),
        pytest.param([2, 1], 1.0, [0, 1], id="all items"),
    ],
)
def test_head_is_the_most_counted_share_of_items(counts, head, expected):
    np.testing.assert_array_equal(np.flatnonzero(popularity_groups(counts, head)["head"]), expected)


@pytest.mark.parametrize("percent", range(1, 101))
def test_whole_percentages_of_a_hundred_items_are_not_rounded_down(percent):
    # 0.29 * 100 is 28.999999999999996 in floating point.
    assert popularity_groups(np.arange(1, 101), percent / 100)["head"].sum() == percent


@given(counts_of_items, shares)
def test_groups_are_two_partitions(counts, head):
    groups = popularity_groups(counts, head)
    np.testing.assert_array_equal(groups["head"], ~groups["tail"])
    np.testing.assert_array_equal(groups["warm"], ~groups["cold"])
    assert not (groups["head"] & groups["cold"]).any()
    assert groups["head"].sum() <= max(1, head * counts.size + 1e-6)


@given(counts_of_items, shares)
def test_no_tail_item_is_more_popular_than_a_head_item(counts, head):
    groups = popularity_groups(counts, head)
    if groups["head"].any() and groups["tail"].any():
        assert counts[groups["head"]].min() >= counts[groups["tail"]].max()


@pytest.mark.parametrize(
    ("counts", "head", "text"),
    [
        (
            [1, 2],
            0,
            "The 'head' parameter of popularity_groups must be a float in the range (0.0, 1.0]. "
            "Got 0 instead.",
        ),
        (
            [],
            0.2,
            "item_counts must be one-dimensional and not empty, got shape (0,); pass one count "
            "per item.",
        ),
        ([0.5, 1], 0.2, "item_counts must be integers, got dtype float64; pass counts."),
        ([3, -1], 0.2, "item_counts[1] is -1; a count is at least 0."),
    ],
)
def test_bad_counts_are_named(counts, head, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        popularity_groups(counts, head)
    assert str(caught.value) == text
