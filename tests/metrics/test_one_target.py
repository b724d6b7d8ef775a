"""Metrics that with one target are others, and the table that all names come from."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

import skace.metrics
from skace.inspection._drawing import metric_label
from skace.metrics import (
    hit_rate_at_k,
    map_at_k,
    mrr_at_k,
    precision_at_k,
    ranking_scorer,
    recall_at_k,
)
from skace.metrics._registry import METRICS

RANKS = [0.0, 2.0, 2.5, 9.0, 10.0, np.inf]


def average_precision(rank, k):
    """Mean over the targets, here one, of the precision at the place of each."""
    is_target = np.arange(k) == rank
    precisions = np.cumsum(is_target) / np.arange(1, k + 1)
    return float(precisions[is_target].sum())


@pytest.mark.parametrize("k", [1, 3, 10])
def test_they_are_what_their_definitions_say(k):
    hits = recall_at_k(RANKS, k, average=False)
    np.testing.assert_array_equal(hit_rate_at_k(RANKS, k, average=False), hits)
    np.testing.assert_allclose(precision_at_k(RANKS, k, average=False), hits / k)
    whole = [rank for rank in RANKS if rank != 2.5]
    expected = [average_precision(rank, k) for rank in whole]
    np.testing.assert_allclose(map_at_k(whole, k, average=False), expected)
    assert map_at_k(RANKS, k) == mrr_at_k(RANKS, k)


@pytest.mark.parametrize("kind", METRICS)
def test_each_entry_has_a_label_a_public_function_and_a_scorer_that_prints_itself(kind):
    metric = METRICS[kind]
    assert metric.function.__name__ in skace.metrics.__all__
    assert metric_label(f"{kind}@5") == f"{metric.label}@5"
    scorer = ranking_scorer(f"{kind}@5")
    made_again = eval(repr(scorer), vars(skace.metrics))  # noqa: S307 - of ours
    assert repr(made_again) == repr(scorer)
    assert made_again._metrics == scorer._metrics
