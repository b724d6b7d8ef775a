"""PopularityEstimator: counts, and nothing but counts."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import PopularityEstimator


@pytest.mark.parametrize(
    ("weights", "best"),
    [
        (None, ["ash", "bay", "cob"]),
        ([1, 1, 1, 9, 1, 1, 1, 1, 1, 1], ["dew", "ash", "bay"]),
        ([0, 0, 1, 0, 0, 1, 0, 9, 0, 1], ["elm", "cob", "bay"]),
    ],
)
def test_the_most_counted_items_are_recommended_to_everybody(small_log, weights, best):
    model = PopularityEstimator(k=3).fit(small_log, sample_weight=weights)
    assert model.predict([[], ["fig"], ["dew", "elm"]]).tolist() == [best] * 3


def test_scores_are_the_counts(small_log):
    scores = PopularityEstimator(k=1).fit(small_log).decision_function([["ash"], []])
    np.testing.assert_array_equal(scores, [[3, 3, 2, 1, 1, 0]] * 2)


def test_vectors_are_the_counts_as_one_column(small_log):
    model = PopularityEstimator(k=1).fit(small_log)
    np.testing.assert_array_equal(model.item_vectors_[:, 0], [3, 3, 2, 1, 1, 0])
    np.testing.assert_array_equal(model.encode([["ash"], []]), [[1], [0]])


def test_seen_items_can_be_left_out(small_log):
    model = PopularityEstimator(k=2, exclude_seen=True).fit(small_log)
    assert model.predict([["ash", "cob"], []]).tolist() == [["bay", "dew"], ["ash", "bay"]]


def test_unknown_items_of_a_history_are_ignored_by_default(small_log):
    model = PopularityEstimator(k=1).fit(small_log)
    assert model.predict([["nobody knows"]]).tolist() == [["ash"]]


@pytest.mark.parametrize("n_times", [1, 2])
def test_partial_fit_adds_counts(small_log, n_times):
    model = PopularityEstimator(k=1).fit(small_log)
    for _ in range(n_times):
        model.partial_fit([["elm", "elm", "pea"]])
    counts = [3, 3, 2, 1, 1 + 2 * n_times, 0, n_times]
    assert model.item_counts_.tolist() == counts
    assert model.item_vectors_[:, 0].tolist() == counts
