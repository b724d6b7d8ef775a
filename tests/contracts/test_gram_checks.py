"""GRAMEstimator keeps the contract of recommenders, whatever makes its codes."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import KBinsDiscretizer

from skace.embeddings import SemanticIdEncoder
from skace.item_tables import FrozenTable, TrainableTable
from skace.recommenders import GRAMEstimator
from skace.testing import checks_lacking, parametrize_with_checks

TINY = {"max_length": 6, "n_layers": 1, "max_epochs": 2, "batch_size": 16}


def expected_failures(_estimator):
    return checks_lacking("features")


def frozen_ids():
    """Codes made elsewhere, of other items with as many features."""
    features = np.random.default_rng(0).standard_normal((30, 8))
    return FrozenEstimator(SemanticIdEncoder(3, n_levels=2, random_state=0).fit(features))


@pytest.mark.minutes
@parametrize_with_checks(
    [
        GRAMEstimator(**TINY),
        GRAMEstimator(semantic_ids=SemanticIdEncoder(3), **TINY),
        GRAMEstimator(semantic_ids=SemanticIdEncoder(2, n_levels=3), **TINY),
        GRAMEstimator(node_scores="vectors", semantic_ids=SemanticIdEncoder(2, n_levels=3), **TINY),
        GRAMEstimator(fusion="late", semantic_ids=SemanticIdEncoder(2, n_levels=3), **TINY),
        GRAMEstimator(
            semantic_ids=KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
            item_table=FrozenTable(),
            **TINY,
        ),
        GRAMEstimator(
            semantic_ids=frozen_ids(), item_table=TrainableTable(cold_items="negatives"), **TINY
        ),
    ],
    expected_failed_checks=expected_failures,
)
def test_contract_of_gram(estimator, check):
    check(estimator)
