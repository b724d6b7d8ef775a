"""MELTEstimator keeps the contract of recommenders around each causal backbone."""
# SPDX-License-Identifier: BSD-3-Clause

import pytest

from skace import SASRecEstimator
from skace.item_tables import IDTable
from skace.losses import BPR
from skace.recommenders import GRU4RecEstimator, MELTEstimator
from skace.testing import parametrize_with_checks

TINY = {"n_layers": 1, "max_epochs": 1, "batch_size": 16, "random_state": 0}


@pytest.mark.minutes
@parametrize_with_checks(
    [
        MELTEstimator(
            SASRecEstimator(max_length=6, **TINY),
            max_epochs=2,
            user_quantile=0.6,
            item_quantile=0.5,
        ),
        MELTEstimator(
            GRU4RecEstimator(max_length=4, loss=BPR(3), item_table=IDTable(), **TINY),
            max_epochs=2,
            user_threshold=3,
            item_threshold=4,
        ),
    ]
)
def test_contract_of_melt(estimator, check):
    check(estimator)
