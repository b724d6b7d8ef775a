"""Diversified lists keep the contract of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders import DiversifiedRecommender, EASEEstimator, ItemKNNEstimator
from skace.testing import parametrize_with_checks


@parametrize_with_checks(
    [
        DiversifiedRecommender(EASEEstimator()),
        DiversifiedRecommender(ItemKNNEstimator(), trade_off=0.5, n_candidates=5),
    ]
)
def test_contract_of_diversified_lists(estimator, check):
    check(estimator)
