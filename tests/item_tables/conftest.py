"""Tiny data, quick fits, and modules without a fit, for the tests of item tables."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest
import torch

from skace import SASRecEstimator
from skace.datasets import make_shop

QUICK = {
    "k": 5,
    "embedding_dim": 8,
    "n_layers": 1,
    "n_heads": 1,
    "max_epochs": 2,
    "batch_size": 16,
    "learning_rate": 0.01,
    "early_stopping": False,
    "random_state": 0,
}


@pytest.fixture(scope="session")
def tiny_shop():
    """40 visitors, 50 items with 16 features; about 100 KB."""
    return make_shop(40, 50, 300, n_features=16, random_state=0).interactions


@pytest.fixture
def quick_fit(tiny_shop):
    """Fit SASRec with a table on the tiny shop, or on other rows."""

    def fit(table, X=None, **parameters):
        model = SASRecEstimator(item_table=table, **(QUICK | parameters))
        return model.fit(tiny_shop if X is None else X)

    return fit


@pytest.fixture
def build():
    """Module of a table for features, checked as a fit would check them."""

    def build_module(table, features, embedding_dim=8, *, is_cold=None, seed=0, **ids):
        n_items, n_features = features.shape
        return table.build(
            np.asarray(features, dtype=np.float32),
            n_items=n_items,
            width=table.width(n_features, embedding_dim),
            is_cold=np.zeros(n_items, dtype=bool) if is_cold is None else is_cold,
            generator=torch.Generator().manual_seed(seed),
            **ids,
        )

    return build_module


@pytest.fixture
def features():
    """Unit vectors of 30 items in a cone, with a falling spectrum, in 16 dimensions."""
    rng = np.random.default_rng(0)
    vectors = 1.0 + rng.standard_normal((30, 16)) * 0.8 ** np.arange(16)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
