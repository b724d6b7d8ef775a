"""Every closed-form recommender keeps the contract, in each of its ways to compute."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.recommenders import EASEEstimator, L3AEEstimator, RLAEEstimator, SLISTEstimator
from skace.testing import checks_lacking, parametrize_with_checks

# A handful of users: the defaults, which suit thousands, would drown them.
FEW = {"regularization": 2.0}
SPARSE = {"n_neighbors": 5}
LOCAL = {"solver": "local", "n_neighbors": 4}
PULL = {"alignment": 3.0, "feature_regularization": 0.5}
SESSIONS = {"regularization": 0.5}


def expected_failures(estimator):
    """What a configuration cannot do with input that lacks times or features."""
    if isinstance(estimator, L3AEEstimator):
        return checks_lacking("features")
    if getattr(estimator, "session_decay", None) is not None:
        return checks_lacking("times", in_answers=False)
    return checks_lacking("times") if estimator.decay_by == "time" else {}


WITH_FEATURES = [
    EASEEstimator(**FEW, dropout=0.3, history_decay=2.0, **SPARSE),
    L3AEEstimator(**FEW, **PULL),
]
WITHOUT_FEATURES = [
    EASEEstimator(**FEW),
    RLAEEstimator(**FEW, xi=0.2, **LOCAL),
    SLISTEstimator(**SESSIONS),
]
# What answers is the same code; only the weights are computed in other ways.
OTHERS_WITH_FEATURES = [
    RLAEEstimator(**FEW, dtype="float64"),
    L3AEEstimator(regularization=-1.0, **PULL, history_decay=1.0, n_neighbors=10, dtype="float64"),
    L3AEEstimator(**FEW, **PULL, **LOCAL, normalize_features=False),
    L3AEEstimator(**FEW, alignment=0.0),
    SLISTEstimator(**FEW, direction="part", xi=0.0, **SPARSE),
]
OTHERS_WITHOUT_FEATURES = [
    EASEEstimator(**FEW, history_decay=2.0, decay_by="time"),
    RLAEEstimator(**FEW, dropout=0.2, xi=1.0, history_decay=1.0, **SPARSE),
    SLISTEstimator(**SESSIONS, session_decay=4.0, xi=0.1, dtype="float64"),
    SLISTEstimator(**SESSIONS, direction="all", train_decay=None, history_decay=None, **LOCAL),
]


@parametrize_with_checks(WITH_FEATURES, expected_failed_checks=expected_failures)
def test_contract_with_features(estimator, check):
    check(estimator)


@parametrize_with_checks(
    WITHOUT_FEATURES, n_features=None, expected_failed_checks=expected_failures
)
def test_contract_without_features(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(OTHERS_WITH_FEATURES, expected_failed_checks=expected_failures)
def test_contract_of_other_ways_with_features(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(
    OTHERS_WITHOUT_FEATURES, n_features=None, expected_failed_checks=expected_failures
)
def test_contract_of_other_ways_without_features(estimator, check):
    check(estimator)
