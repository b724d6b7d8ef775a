"""Worked sentences about the scores at k, and what holds for all ranks."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace.metrics import mean_rank, mrr_at_k, ndcg_at_k, recall_at_k
from skace.metrics._registry import METRICS

INF = float("inf")
ORDERED = [recall_at_k, ndcg_at_k, mrr_at_k]  # each is worth at least as much as the next
SCORES = [metric.function for metric in METRICS.values()]
half_ranks = st.lists(
    st.one_of(st.integers(0, 200).map(lambda n: n / 2), st.just(INF)), min_size=1, max_size=30
)


@pytest.mark.parametrize(
    ("rank", "k", "recall", "ndcg", "mrr"),
    [
        pytest.param(0, 1, 1.0, 1.0, 1.0, id="first place is worth everything"),
        pytest.param(1, 10, 1.0, 0.6309, 0.5, id="second place"),
        pytest.param(2, 10, 1.0, 0.5, 1 / 3, id="third place"),
        pytest.param(9, 10, 1.0, 0.2891, 0.1, id="last place of the list"),
        pytest.param(10, 10, 0.0, 0.0, 0.0, id="one place too far"),
        pytest.param(0.5, 10, 1.0, 0.7565, 2 / 3, id="tied with one other for first place"),
        pytest.param(0.5, 1, 1.0, 0.7565, 2 / 3, id="half a place below k is in the list"),
        pytest.param(9.5, 10, 1.0, 0.2838, 1 / 10.5, id="tie across the end of the list is in"),
        pytest.param(INF, 10, 0.0, 0.0, 0.0, id="a miss"),
        pytest.param(INF, 10**9, 0.0, 0.0, 0.0, id="a miss however long the list"),
    ],
)
def test_one_row_is_worth(rank, k, recall, ndcg, mrr):
    got = [score([rank], k) for score in ORDERED]
    np.testing.assert_allclose(got, [recall, ndcg, mrr], atol=5e-5)


def test_reciprocal_rank_without_k_sees_all_places():
    assert mrr_at_k([0, 99, INF]) == pytest.approx((1 + 0.01) / 3)
    assert mrr_at_k([0, 99, INF], None) == mrr_at_k([0, 99, INF])


@pytest.mark.parametrize("score", SCORES)
def test_rows_are_averaged(score):
    ranks = [0, 3, 1, INF]
    rows = score(ranks, 3, average=False)
    assert rows.shape == (4,)
    assert rows.dtype == np.float64
    assert score(ranks, 3) == pytest.approx(rows.sum() / 4)
    assert isinstance(score(ranks, 3), float)


@pytest.mark.parametrize("score", SCORES)
def test_weight_two_is_a_repeated_row(score):
    assert score([0, 5, 1], 4, sample_weight=[2, 1, 1]) == pytest.approx(score([0, 0, 5, 1], 4))


@pytest.mark.parametrize("score", SCORES)
def test_input_is_not_changed(score):
    ranks = np.array([0.0, INF, 4.0])
    score(ranks, 2)
    np.testing.assert_array_equal(ranks, [0.0, INF, 4.0])


def test_a_model_of_equal_scores_does_not_profit_from_ties():
    # 100 items of equal score: each target stands in the middle, wherever its column is.
    assert recall_at_k([49.5] * 5, 10) == 0.0
    assert recall_at_k([49.5] * 5, 50) == 1.0


def test_per_row_scores_of_no_rows_are_no_scores():
    assert ndcg_at_k([], 10, average=False).shape == (0,)


@given(half_ranks, st.integers(1, 120))
def test_scores_are_fractions_in_a_fixed_order(ranks, k):
    recall, ndcg, mrr = (score(ranks, k, average=False) for score in ORDERED)
    assert ((mrr >= 0) & (mrr <= ndcg) & (ndcg <= recall) & (recall <= 1)).all()


@given(half_ranks, st.integers(1, 120))
def test_every_metric_is_a_fraction(ranks, k):
    for score in SCORES:
        rows = score(ranks, k, average=False)
        assert ((rows >= 0) & (rows <= 1)).all()


@given(half_ranks, st.integers(1, 120))
def test_a_longer_list_never_scores_less(ranks, k):
    for score in ORDERED:
        assert score(ranks, k) <= score(ranks, k + 1)


@given(half_ranks, st.randoms())
def test_order_of_rows_does_not_matter(ranks, random):
    shuffled = ranks.copy()
    random.shuffle(shuffled)
    for score in SCORES:
        assert score(ranks, 10) == pytest.approx(score(shuffled, 10))


def test_mean_rank_of_found_targets():
    assert mean_rank([0, 1, 5.0]) == 2.0


def test_a_miss_makes_the_mean_rank_infinite():
    assert mean_rank([0, INF]) == INF


def test_a_miss_counts_as_one_worse_than_the_last_item():
    assert mean_rank([0, 9, INF], n_items=10) == pytest.approx((0 + 9 + 10) / 3)


def test_mean_rank_is_weighted_and_ignores_misses_without_weight():
    assert mean_rank([0, 4], sample_weight=[3, 1]) == 1.0
    assert mean_rank([2, INF], sample_weight=[1, 0]) == 2.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ndcg_at_k([0], 0),
            "The 'k' parameter of ndcg_at_k must be an int in the range [1, inf). Got 0 instead.",
        ),
        (
            lambda: recall_at_k([0], 2.5),
            "The 'k' parameter of recall_at_k must be an int in the range [1, inf). Got 2.5 "
            "instead.",
        ),
        (
            lambda: ndcg_at_k([0, -1], 5),
            "ranks[1] is -1.0; a rank is 0 for the best item, or inf for a miss.",
        ),
        (
            lambda: mrr_at_k([0, 2, float("nan")]),
            "ranks[2] is nan; a rank is 0 for the best item, or inf for a miss.",
        ),
        (
            lambda: recall_at_k([[0, 1]], 5),
            "ranks must be one-dimensional, got shape (1, 2); pass one rank per row.",
        ),
        (lambda: ndcg_at_k([], 5), "ranks is empty; there is no row to average over."),
        (lambda: mean_rank([]), "ranks is empty; there is no row to average over."),
        (
            lambda: ndcg_at_k([0, 1], 5, sample_weight=[1]),
            "sample_weight must have one value per row: expected shape (2,), got (1,).",
        ),
        (
            lambda: ndcg_at_k([0, 1], 5, sample_weight=[1, -2]),
            "sample_weight[1] is -2.0; weights must be finite and at least 0.",
        ),
        (
            lambda: ndcg_at_k([0, 1], 5, sample_weight=[0, 0]),
            "sample_weight is 0 in every row; at least one row must count.",
        ),
        (
            lambda: ndcg_at_k([0, 1], 5, average=False, sample_weight=[1, 1]),
            "sample_weight has no effect with average=False; leave it out and weigh the rows "
            "where you average them.",
        ),
        (
            lambda: mean_rank([0, 10], n_items=10),
            "ranks[1] is 10.0, which 10 items cannot have; n_items must be the number of items "
            "that were ranked.",
        ),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        call()
    assert str(caught.value) == text
