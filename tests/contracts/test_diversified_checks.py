"""Diversified lists keep the contract of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.recommenders import DiversifiedRecommender, EASEEstimator, ItemKNNEstimator
from skace.testing import parametrize_with_checks


@parametrize_with_checks([DiversifiedRecommender(EASEEstimator())])
def test_contract_of_diversified_lists(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(
    [DiversifiedRecommender(ItemKNNEstimator(), trade_off=0.5, n_candidates=5)]
)
def test_contract_of_diversified_lists_of_neighbours(estimator, check):
    check(estimator)
