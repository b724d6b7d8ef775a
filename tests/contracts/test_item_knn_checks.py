"""Item neighbours keep the contract, by texts, by co-occurrence and by both."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.recommenders import ItemKNNEstimator
from skace.testing import checks_lacking, parametrize_with_checks


def expected_failures(estimator):
    """What a configuration cannot do with input that lacks times or features."""
    if estimator.decay_by == "time":
        return checks_lacking("times")
    return checks_lacking("features") if estimator.cooccurrence_weight == 0 else {}


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
