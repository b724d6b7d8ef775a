"""Head and tail, warm and cold."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skace import Interactions
from skace.metrics import popularity_groups, user_groups
from skace.model_selection import leave_last_out

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
            "The 'head' parameter of popularity_groups must be a float in the range (0.0, 1.0] "
            "or None. Got 0 instead.",
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


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [2]),
        ({"head": 0.4}, [0, 2]),
        ({"threshold": 1}, [0, 2, 3, 4]),
        ({"threshold": 5}, [0, 2]),
        ({"threshold": 10}, []),
        # Of the warm counts 1, 1, 5, 9 the median is 3; with the cold item it would be 1.
        ({"quantile": 0.5}, [0, 2]),
        ({"quantile": 0.0}, [0, 2]),
        ({"quantile": 0.78}, [2]),  # above 6.36
        ({"quantile": 1.0}, []),
    ],
)
def test_head_begins_where_the_rule_says(rule, expected):
    groups = popularity_groups([5, 0, 9, 1, 1], **rule)
    np.testing.assert_array_equal(np.flatnonzero(groups["head"]), expected)
    np.testing.assert_array_equal(groups["tail"], ~groups["head"])
    np.testing.assert_array_equal(np.flatnonzero(groups["cold"]), [1])


def test_no_item_is_above_a_quantile_of_none():
    assert not popularity_groups([0, 0], quantile=0.5)["head"].any()


# Pasts of 5, 2, 1 and 0 events.
ROWS = Interactions.from_sequences([list("abcdef"), list("abc"), list("ab"), list("d")])
PASTS = ROWS[[5, 8, 10, 11]]


@pytest.mark.parametrize(
    ("rule", "head"),
    [
        ({"threshold": 1}, [0, 1, 2]),
        ({"threshold": 2}, [0, 1]),
        ({"threshold": 3}, [0]),
        ({"threshold": 6}, []),
        ({"quantile": 0.5}, [0, 1]),  # above 1.5
        ({"quantile": 0.8}, [0]),  # above 3.2
        ({"quantile": 1.0}, []),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_rows_are_told_apart_by_the_length_of_their_past(rule, head, reverse):
    expected = np.isin(np.arange(4), head)
    order = np.arange(4)[::-1] if reverse else np.arange(4)
    groups = user_groups(PASTS[order], **rule)
    np.testing.assert_array_equal(groups["head"], expected[order])
    np.testing.assert_array_equal(groups["tail"], ~expected[order])


def test_queries_and_lists_are_grouped_by_all_their_events():
    lists = [list("abcdef"), list("abc"), [], list("ab")]
    expected = [True, True, False, False]
    np.testing.assert_array_equal(user_groups(lists, threshold=3)["head"], expected)
    filled = [sequence for sequence in lists if sequence]
    queries = Interactions.from_sequences(filled).next_queries()
    np.testing.assert_array_equal(user_groups(queries, threshold=3)["head"], [True, True, False])


@given(st.lists(st.integers(3, 9), min_size=1, max_size=20), st.sampled_from([0.5, 0.8]))
def test_a_quantile_of_training_lengths_is_met_by_the_documented_threshold(lengths, quantile):
    # As published: of each user's events the last two are held out, and a head user has more
    # of the others than the quantile of all users.
    X = Interactions.from_sequences([list(range(n)) for n in lengths])
    n_train = np.array(lengths) - 2
    threshold = int(np.floor(np.quantile(n_train, quantile))) + 2
    groups = user_groups(leave_last_out(X)[1], threshold=threshold)
    np.testing.assert_array_equal(groups["head"], n_train > np.quantile(n_train, quantile))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: popularity_groups([1, 2], 0.2, threshold=3),
            "head=0.2 and threshold=3 each tell where head begins; give one of them.",
        ),
        (
            lambda: popularity_groups([1, 2], threshold=3, quantile=0.8),
            "threshold=3 and quantile=0.8 each tell where head begins; give one of them.",
        ),
        (
            lambda: popularity_groups([1, 2], threshold=0),
            "The 'threshold' parameter of popularity_groups must be an int in the range [1, inf) "
            "or None. Got 0 instead.",
        ),
        (
            lambda: user_groups(PASTS, threshold=3, quantile=0.8),
            "threshold=3 and quantile=0.8 each tell where head begins; give one of them.",
        ),
        (
            lambda: user_groups(PASTS),
            "give threshold, the past events that make a head row, or quantile.",
        ),
        (
            lambda: user_groups(PASTS, quantile=1.5),
            "The 'quantile' parameter of user_groups must be a float in the range [0.0, 1.0] or "
            "None. Got 1.5 instead.",
        ),
        (
            lambda: user_groups(PASTS[[]], threshold=3),
            "X has no rows; there is nothing to group.",
        ),
        (
            lambda: user_groups(np.zeros((2, 2), dtype=int), threshold=3),
            "X is an array of shape (2, 2), in which padding cannot be told from items; pass a "
            "list of lists of item ids, oldest first.",
        ),
    ],
)
def test_rules_that_do_not_tell_where_head_begins_are_refused(call, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        call()
    assert str(caught.value) == text
