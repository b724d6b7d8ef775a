"""Ranks and lists of the best against sorting in plain Python."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skace._topk import ranks_of_targets, top_k

INF = np.inf
# Few distinct values: ties are the rule.
SCORES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.sampled_from([-INF, -1.5, 0.0, 0.25, 2.0]),
)


def naive_best(row, k):
    """Columns sorted by score, ties by column."""
    return sorted(range(row.size), key=lambda column: (-row[column], column))[:k]


def naive_rank(row, target):
    """Better ones plus half of the equal others, one by one."""
    if target < 0 or row[target] == -INF:
        return INF
    others = [score for column, score in enumerate(row) if column != target]
    better = sum(score > row[target] for score in others)
    return better + 0.5 * sum(score == row[target] for score in others)


@given(SCORES, st.data())
def test_the_best_k_agree_with_sorting(scores, data):
    k = data.draw(st.integers(1, scores.shape[1]))
    before = scores.copy()
    best = top_k(scores, k)
    assert best.tolist() == [naive_best(row, k) for row in scores]
    assert best.dtype == np.int64
    np.testing.assert_array_equal(scores, before)


@given(SCORES, st.data())
def test_ranks_agree_with_counting(scores, data):
    columns = st.integers(-1, scores.shape[1] - 1)
    targets = np.array(data.draw(st.tuples(*[columns] * len(scores))))
    before = scores.copy()
    ranks = ranks_of_targets(scores, targets)
    assert ranks.tolist() == [naive_rank(*pair) for pair in zip(scores, targets, strict=True)]
    assert ranks.dtype == np.float64
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize(
    ("row", "k", "expected"),
    [
        ([1, 3, 2], 1, [1]),
        ([1, 3, 2], 3, [1, 2, 0]),
        ([5, 5, 5, 5], 2, [0, 1]),
        ([1, 5, 1, 5, 1], 3, [1, 3, 0]),
        ([-INF, 0, -INF, 1], 3, [3, 1, 0]),
        ([-INF, -INF], 2, [0, 1]),
        ([7], 1, [0]),
    ],
)
def test_the_best_by_hand(row, k, expected):
    assert top_k(np.array([row], dtype=np.float32), k).tolist() == [expected]


@pytest.mark.parametrize(
    ("row", "target", "expected"),
    [
        ([1, 3, 2], 1, 0),
        ([1, 3, 2], 0, 2),
        ([1, 1, 1], 2, 1),  # two equal others count half each
        ([2, 1, 1], 1, 1.5),
        ([-INF, 1, 1], 0, INF),
        ([-INF, 1, -INF], 1, 0),
        ([3, 1], -1, INF),
        ([7], 0, 0),
    ],
)
def test_ranks_by_hand(row, target, expected):
    assert ranks_of_targets(np.array([row], dtype=np.float32), np.array([target])) == [expected]


def test_a_target_is_among_the_best_exactly_when_fewer_than_k_are_better():
    rng = np.random.default_rng(0)
    scores = rng.permuted(np.tile(np.arange(50.0), (20, 1)), axis=1)
    targets = rng.integers(50, size=20)
    is_listed = (top_k(scores, 10) == targets[:, None]).any(axis=1)
    np.testing.assert_array_equal(is_listed, ranks_of_targets(scores, targets) < 10)


@pytest.mark.parametrize("k", [1, 3])
def test_no_rows_give_no_answers(k):
    scores = np.zeros((0, 3), dtype=np.float32)
    assert top_k(scores, k).shape == (0, k)
    assert ranks_of_targets(scores, np.zeros(0, dtype=np.int64)).shape == (0,)
