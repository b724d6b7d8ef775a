"""FrozenTable: the features as they are."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import SASRecEstimator
from skace.item_tables import FrozenTable

QUICK = {"k": 2, "n_layers": 1, "n_heads": 1, "max_epochs": 3, "random_state": 0}


def fit(X, **parameters):
    model = SASRecEstimator(item_table=FrozenTable(), early_stopping=False, **QUICK)
    return model.set_params(**parameters).fit(X)


def test_the_features_are_the_vectors(small_log):
    model = fit(small_log)
    np.testing.assert_array_equal(
        model.item_vectors_, small_log.catalog.features.astype(np.float32)
    )


def test_the_encoder_learns(small_log):
    early, late = fit(small_log, max_epochs=1), fit(small_log, max_epochs=3)
    assert late.loss_curve_[:1] == early.loss_curve_
    name = "transformer.blocks.0.feedforward.widen.weight"
    assert not np.array_equal(early.encoder_state_[name], late.encoder_state_[name])


@pytest.mark.parametrize("cold_items", ["excluded", "negatives"])
def test_cold_items_compete_in_the_loss_only_as_negatives(small_log, cold_items):
    model = fit(
        small_log,
        item_table=FrozenTable(cold_items=cold_items),
        max_epochs=1,
        dropout=0.0,
        attention_dropout=0.0,
        learning_rate=1e-12,
        precision="float32",
    )
    rows = small_log[[1, 2, 3, 5, 6, 8]]  # those with a past
    scores = model.decision_function(rows).astype(np.float64)
    n_rivals = 5 if cold_items == "excluded" else 6
    log_p = scores - np.log(np.exp(scores[:, :n_rivals]).sum(axis=1, keepdims=True))
    own = log_p[np.arange(6), [1, 2, 3, 2, 0, 0]]
    assert model.loss_curve_[0] == pytest.approx(-own.mean(), rel=1e-5)
