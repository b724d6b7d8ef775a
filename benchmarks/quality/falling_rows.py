"""Rows for the leaderboard: networks as `recommendation_pipeline` trains them on logs like Beauty.

All events are learned, in 12 epochs of a rate that falls to 0; attention reads relative positions.
The rows have the names of those that they replace.

``python benchmarks/quality/leaderboard.py --data FOLDER
--methods benchmarks/quality/falling_rows.py --rows "SASRec, ids; SASRec, ACE; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
from lineup import Entry
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator
from skace.item_tables import IDTable
from skace.recommenders import GRAMEstimator

FALLING = {
    "positions": "relative",
    "early_stopping": False,
    "max_epochs": 12,
    "learning_rate": 0.003,
    "learning_rate_schedule": "linear",
}
ALPHAS = [0.1, 1, 10]


def rows(settings):
    """Rows by name."""
    settings = settings | FALLING
    sasrec, gram = SASRecEstimator(**settings), GRAMEstimator(**settings)

    def on_vectors(network, grid=None, **ace):
        steps = [("ace", ACETransformer(settings["embedding_dim"], **ace)), ("rec", network)]
        return Entry(Pipeline(steps), grid or {})

    return {
        "SASRec, ids": Entry(
            SASRecEstimator(**settings, item_table=IDTable()), {"dropout": [0.2, 0.3, 0.5]}
        ),
        "SASRec, PCA": on_vectors(sasrec, alpha=np.inf, center=True),
        "SASRec, whitening": on_vectors(sasrec, alpha=0),
        "SASRec, ACE": on_vectors(sasrec, {"ace__alpha": ALPHAS}),
        "GRAM, ACE": on_vectors(gram, {"ace__alpha": ALPHAS}),
    }
