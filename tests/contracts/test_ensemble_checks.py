"""Votes and stacks keep the contract of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

from skace.recommenders import (
    EASEEstimator,
    PopularityEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)
from skace.testing import parametrize_with_checks

MEMBERS = [("ease", EASEEstimator()), ("slist", SLISTEstimator(regularization=1))]


@parametrize_with_checks(
    [
        VotingRecommender(MEMBERS),
        VotingRecommender(MEMBERS, method="rank", weights=[1, 3]),
        StackingRecommender([*MEMBERS, ("top", PopularityEstimator())], n_candidates=5),
    ]
)
def test_contract_of_ensembles(estimator, check):
    check(estimator)
