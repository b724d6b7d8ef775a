"""Closed-form models read the log up to the last row, and only rows are targets."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skace import Interactions
from skace.recommenders.linear._sessions import Sessions, fingerprint_of, sessions_of, set_matrix

# Positions:        0  1  2  3  4   5  6   7   8  9
USERS = np.array([["a"] * 5 + ["b"] * 2 + ["c"] * 1 + ["d"] * 2]).ravel()
ITEMS = [0, 1, 2, 1, 3, 2, 0, 3, 1, 1]
TIMES = [5, 6, 7, 7, 9, 1, 2, 4, 3, 8]
COLUMNS = np.array([10, 11, 12, 13])  # of the model


@pytest.fixture
def log():
    """Four users of 5, 2, 1 and 2 events."""
    return Interactions(USERS, ITEMS, TIMES)


def lists(sessions):
    """All arrays of sessions as lists."""
    parts = (sessions.items, sessions.offsets, sessions.weights, sessions.first_rows)
    return [part.tolist() for part in parts]


def test_all_rows_are_all_events_with_weight_one(log):
    sessions = sessions_of(log, COLUMNS, None)
    assert lists(sessions) == [
        [10, 11, 12, 11, 13, 12, 10, 13, 11, 11],
        [0, 5, 7, 8, 10],
        [1.0] * 10,
        [0, 5, 7, 8],
    ]
    assert sessions.times.tolist() == TIMES
    assert sessions.lengths.tolist() == [5, 2, 1, 2]


def test_past_and_gaps_are_read_and_what_follows_the_last_row_is_not(log):
    # Rows 2 and 4 of a (two events before, one between), 5 of b (one after), 9 of d; none of c.
    sessions = sessions_of(log[[4, 9, 2, 5, 4]], COLUMNS, None)
    assert lists(sessions) == [
        [10, 11, 12, 11, 13, 12, 11, 11],
        [0, 5, 6, 8],
        [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0],
        [2, 5, 7],
    ]
    assert sessions.times.tolist() == [5, 6, 7, 7, 9, 1, 3, 8]


def test_rows_of_weight_zero_are_no_rows(log):
    # Of a the last row counts nothing, of c the only one, of d the first one.
    weights = np.array([2.0, 0.0, 0.5, 3.0, 0.0, 1.0, 1.0, 0.0, 0.0, 4.0])
    sessions = sessions_of(log, COLUMNS, weights)
    assert lists(sessions) == [
        [10, 11, 12, 11, 12, 10, 11, 11],
        [0, 4, 6, 8],
        [2.0, 0.0, 0.5, 3.0, 1.0, 1.0, 0.0, 4.0],
        [0, 4, 7],
    ]


def test_a_log_without_times_has_sessions_without_times():
    X = Interactions.from_sequences([["x", "y"], [], ["y"]])
    sessions = sessions_of(X[1:], np.arange(2), None)
    assert lists(sessions) == [[0, 1, 1], [0, 2, 3], [0.0, 1.0, 1.0], [1, 2]]
    assert sessions.times is None


def test_a_part_is_as_if_its_users_were_alone(log):
    sessions = sessions_of(log[[1, 4, 6, 9]], COLUMNS, None)
    part = sessions.part(slice(1, 3))
    assert lists(part) == [[12, 10, 11, 11], [0, 2, 4], [0.0, 1.0, 0.0, 1.0], [1, 3]]
    assert part.times.tolist() == [1, 2, 3, 8]
    assert lists(sessions.part(slice(0, 3))) == lists(sessions)
    assert lists(sessions.part(slice(1, 1))) == [[], [0], [], []]


def test_before_rows_stand_the_events_that_were_learned_earlier(log):
    sessions = sessions_of(log[[2, 4, 5, 9]], COLUMNS, None)
    before = sessions.before_rows()
    assert lists(before) == [[10, 11, 11], [0, 2, 2, 3], [1.0] * 3, [0, 2, 2]]
    assert before.times.tolist() == [5, 6, 3]
    whole = sessions.with_learned_past()
    # The event between two rows was not learned: it is no row of this fit nor of an earlier one.
    assert whole.weights.tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert_array_equal(whole.items, sessions.items)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({}, True),
        ({"items": np.array([1, 2, 4])}, False),
        ({"offsets": np.array([0, 2, 3])}, False),
        ({"weights": np.array([1.0, 1.0, 2.0])}, False),
        ({"times": None}, False),
        ({"times": np.array([4, 5, 7])}, False),
        ({"times": np.array([4.0, 5.0, 6.0])}, False),
        ({"times": np.array([4, 5, 6]).astype("M8[D]")}, False),
    ],
)
def test_fingerprint_tells_what_is_learned_from(other, is_same):
    parts = {
        "items": np.array([1, 2, 3]),
        "offsets": np.array([0, 1, 3]),
        "weights": np.ones(3),
        "first_rows": np.array([0, 1]),
        "times": np.array([4, 5, 6]),
    }
    prints = [Sessions(**parts).fingerprint(), Sessions(**(parts | other)).fingerprint()]
    assert (prints[0] == prints[1]) is is_same


def test_fingerprint_does_not_depend_on_the_layout_in_memory():
    even, empty = np.arange(10)[::2], np.zeros(0)
    assert fingerprint_of(even, empty) == fingerprint_of(even.copy(), empty)
    assert fingerprint_of(even, empty) != fingerprint_of(even)
    assert fingerprint_of(np.arange(6)) != fingerprint_of(np.arange(6).reshape(2, 3))


def test_set_matrix_holds_the_largest_value_of_each_item_once(log):
    sessions = sessions_of(log, np.arange(4), None)
    values = np.array([1.0, 3.0, 5.0, 2.0, 0.0, 1.0, 7.0, 2.0, 4.0, 6.0])
    matrix = set_matrix(sessions, values, 5)
    expected = [[1, 3, 5, 0, 0], [7, 0, 1, 0, 0], [0, 0, 0, 2, 0], [0, 6, 0, 0, 0]]
    assert_array_equal(matrix.toarray(), expected)
    assert matrix.nnz == 7  # a target of weight 0 is none
    assert matrix.has_canonical_format


def test_set_matrix_of_no_sessions_is_empty(log):
    nobody = sessions_of(log, np.arange(4), None).part(slice(0, 0))
    assert set_matrix(nobody, np.zeros(0), 3).shape == (0, 3)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), keep=st.floats(0.1, 1.0), is_weighted=st.booleans())
def test_sets_agree_with_a_loop_over_users(make_log, sets_of, seed, keep, is_weighted):
    X = make_log(seed=seed)
    rng = np.random.default_rng(seed)
    X = X[np.sort(rng.permutation(len(X))[: max(1, int(keep * len(X)))])]
    weights, by_event = None, None
    if is_weighted:
        weights = rng.integers(3, size=len(X)) + (np.arange(len(X)) == 0)
        by_event = np.bincount(X._ends, weights=weights, minlength=X._log.n_events)
    sessions = sessions_of(X, np.arange(X.n_items), by_event)
    read, learned = sets_of(X, weights)
    ones = np.ones(sessions.items.size)
    assert_array_equal(set_matrix(sessions, ones, X.n_items).toarray(), read)
    assert_array_equal(set_matrix(sessions, sessions.weights, X.n_items).toarray(), learned)
