"""Item neighbours keep the contract, by texts, by co-occurrence and by both."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.recommenders import ItemKNNEstimator
from skace.testing import parametrize_with_checks

# By name, as for the closed forms: what asks with plain lists, which carry no times.
LISTS = (
    "check_fit_accepts_lists",
    "check_fit_appends_y_to_lists",
    "check_partial_fit_adds_new_events",
    "check_partial_fit_adds_new_items",
    "check_scores_are_float32",
    "check_score_of_lists",
    "check_queries_are_answered_like_lists",
    "check_empty_history_gets_the_most_popular",
    "check_histories_of_any_length",
    "check_unknown_history_items",
    "check_unknown_targets_are_misses",
    "check_cold_items_are_candidates",
    "check_exclude_seen",
    "check_seen_items_fill_up",
    "check_vectors_give_the_scores",
    "check_input_is_not_changed",
    "check_search_over_a_pipeline",
)


def expected_failures(estimator):
    """What a configuration cannot do with input that lacks times or features."""
    if estimator.decay_by == "time":
        return dict.fromkeys(
            LISTS, "Plain lists carry no times, and the age of an event needs them."
        )
    if estimator.cooccurrence_weight == 0:
        return dict.fromkeys(
            ("check_fit_accepts_frames", "check_fit_accepts_lists", "check_fit_appends_y_to_lists"),
            "Plain lists and frames carry no item features, and texts alone need them.",
        )
    return {}


# What answers is the same code; only the similarities are computed in other ways.
WITH_FEATURES = [
    ItemKNNEstimator(cooccurrence_weight=0.0, center=False, n_neighbors=3),
    ItemKNNEstimator(text_weight=0.0, window=None, train_decay=None, history_decay=None),
    ItemKNNEstimator(n_neighbors=2, reverse_weight=1.0, item_power=1.0, shrinkage=0.0, idf=False),
]

WITHOUT_FEATURES = [
    ItemKNNEstimator(),
    ItemKNNEstimator(window=1, user_power=1.0, decay_by="time"),
]


@parametrize_with_checks([ItemKNNEstimator()])
def test_contract(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(WITH_FEATURES, expected_failed_checks=expected_failures)
def test_contract_with_features(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(
    WITHOUT_FEATURES, n_features=None, expected_failed_checks=expected_failures
)
def test_contract_without_features(estimator, check):
    check(estimator)
