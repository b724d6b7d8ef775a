"""Metric names: which are valid, and scores by name."""
# SPDX-License-Identifier: BSD-3-Clause

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skace.metrics import mrr_at_k, ndcg_at_k, recall_at_k, score_ranks
from skace.metrics._names import RankMetric, parse_metric
from skace.metrics._registry import METRICS

WITH_K = [f"{kind}@K" for kind in METRICS]
ALONE = [kind for kind, metric in METRICS.items() if not metric.needs_k]
VALID = (
    f"valid names are {', '.join(map(repr, WITH_K))} (K a whole number from 1) "
    f"and {', '.join(map(repr, ALONE))}, each with an optional '[uniN]' at its end for ranks "
    "among N sampled items, as in 'ndcg@10[uni100]'."
)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("recall@20", RankMetric("recall", 20)),
        ("ndcg@1", RankMetric("ndcg", 1)),
        ("mrr", RankMetric("mrr", None)),
        ("mrr@5", RankMetric("mrr", 5)),
        ("ndcg@10[uni100]", RankMetric("ndcg", 10, 100)),
        ("mrr[uni99]", RankMetric("mrr", None, 99)),
    ],
)
def test_names_are_understood(name, metric):
    assert parse_metric(name) == metric


@given(
    st.builds(
        RankMetric,
        st.sampled_from(sorted(METRICS)),
        st.integers(1, 10**6),
        st.none() | st.integers(1, 10**6),
    )
)
def test_names_survive_the_round_trip(metric):
    assert parse_metric(metric.name) == metric


@pytest.mark.parametrize(
    "name",
    ["ndgc@10", "ndcg", "ndcg@0", "ndcg@010", "NDCG@10", "ndcg@10 ", "ndcg@-1", "recall@1.5",
     "ndcg@10[uni0]", "ndcg@10[pop100]", "", 10, None],
)  # fmt: skip
def test_other_names_are_refused_with_the_list_of_valid_ones(name):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared in full
        parse_metric(name)
    assert str(caught.value) == f"{name!r} is not the name of a metric; {VALID}"


def test_the_docstring_that_others_refer_to_has_every_name():
    text = score_ranks.__doc__.partition("metrics : list of str")[2].partition("\n\n")[0]
    named = set(re.findall(r'"([\w@]+)"', text))
    assert named == {*WITH_K, *ALONE}


def test_all_scores_come_from_one_set_of_ranks():
    ranks = [0, 1, 7, 30, float("inf")]
    assert score_ranks(ranks, ["ndcg@10", "recall@5", "mrr"]) == {
        "ndcg@10": ndcg_at_k(ranks, 10),
        "recall@5": recall_at_k(ranks, 5),
        "mrr": mrr_at_k(ranks),
    }


def test_scores_by_name_can_be_per_row_and_weighted():
    rows = score_ranks([0, 3], ["recall@1"], average=False)
    np.testing.assert_array_equal(rows["recall@1"], [1.0, 0.0])
    assert score_ranks([0, 3], ["recall@1"], sample_weight=[3, 1]) == {"recall@1": 0.75}


@pytest.mark.parametrize(
    ("metrics", "error", "text"),
    [
        ("ndcg@10", TypeError, f"metrics must be a list of names, got 'ndcg@10'; {VALID}"),
        (10, TypeError, f"metrics must be a list of names, got 10; {VALID}"),
        ([], ValueError, f"metrics is empty; {VALID}"),
        (["mrr", "ndcg@1", "mrr"], ValueError, "metrics names 'mrr' more than once."),
        (
            ["ndcg@10[uni100]"],
            ValueError,
            "'ndcg@10[uni100]' needs its own candidates, but ranks are drawn already; use "
            "ranking_scorer for sampled metrics, or full names with the ranks of sampled_ranks.",
        ),
    ],
)
def test_bad_lists_of_names_are_refused(metrics, error, text):
    with pytest.raises(error) as caught:
        score_ranks([0], metrics)
    assert str(caught.value) == text
