"""Votes and stacks keep the contract of recommenders."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace.recommenders import (
    EASEEstimator,
    PopularityEstimator,
    SASRecEstimator,
    SeedEnsemble,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)
from skace.testing import parametrize_with_checks

MEMBERS = [("ease", EASEEstimator()), ("slist", SLISTEstimator(regularization=1))]


@parametrize_with_checks(
    [
        VotingRecommender(MEMBERS),
        StackingRecommender([*MEMBERS, ("top", PopularityEstimator())], n_candidates=5),
    ]
)
def test_contract_of_ensembles(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks([VotingRecommender(MEMBERS, method="rank", weights=[1, 3])])
def test_contract_of_votes_by_rank(estimator, check):
    check(estimator)


@pytest.mark.minutes
@parametrize_with_checks(
    [
        StackingRecommender(
            MEMBERS,
            learn_by="likelihood",
            n_candidates=4,
            history_edges=[3],
            popularity_edges=[1, 9],
            group_shrinkage=5,
        ),
        StackingRecommender(MEMBERS, popularity_edges=[1, 9], group_shrinkage=5),
    ]
)
def test_contract_of_stacks_by_group(estimator, check):
    check(estimator)


TINY = SASRecEstimator(max_length=6, n_layers=1, max_epochs=2, batch_size=16)


@pytest.mark.minutes
@parametrize_with_checks([SeedEnsemble(TINY, n_members=2), SeedEnsemble(TINY, snapshots=2)])
def test_contract_of_seeds(estimator, check):
    check(estimator)
