"""Write small files of what came after `write_files` had written its own, for the same tests.

Run once, with the code of that time: ``python tests/files/write_newer_files.py
tests/files/format1_newer.zip``. What comes later gets a file of its own alike.
"""
# SPDX-License-Identifier: BSD-3-Clause

import sys

import numpy as np
from write_files import QUIET, SMALL, write_archive

from skace.embeddings import (
    ACETransformer,
    FunctionModel,
    HttpModel,
    LocalModel,
    PreferenceTextEncoder,
    SAIDTextEncoder,
    SemanticIdEncoder,
    TextEncoder,
)
from skace.losses import BCE, BPR, GBCE, InBatchSoftmax, SampledSoftmax, Softmax
from skace.recommenders import (
    DiversifiedRecommender,
    EASEEstimator,
    GRAMEstimator,
    GRAMTextEstimator,
    ItemKNNEstimator,
    PopularityEstimator,
    SASRecEstimator,
    SeedEnsemble,
)

LOSSES = [
    Softmax(),
    SampledSoftmax(3),
    InBatchSoftmax(),
    BCE(2),
    GBCE(3, t=0.5),
    BPR(1),
]


def estimators():
    """All of them by name, unfitted."""
    sasrec = {**SMALL, **QUIET, "n_heads": 1}
    yield "item knn", ItemKNNEstimator(k=2)
    yield (
        "gram",
        GRAMEstimator(**sasrec, semantic_ids=SemanticIdEncoder(2, n_levels=2, random_state=0)),
    )
    yield "seeds", SeedEnsemble(SASRecEstimator(**sasrec), n_members=2, k=2, random_state=0)
    yield "diversified", DiversifiedRecommender(EASEEstimator(regularization=2.0), k=2)
    yield "semantic ids", SemanticIdEncoder(2, n_levels=2, random_state=0)
    yield (
        "semantic ids, residual",
        SemanticIdEncoder(2, n_levels=2, method="residual", random_state=0),
    )
    yield "ace, power", ACETransformer(2, spectrum="power")
    yield (
        "sasrec, hstu relative",
        SASRecEstimator(**sasrec, block="hstu", positions="relative"),
    )
    yield "sasrec, rotary", SASRecEstimator(**sasrec, positions="rotary")
    for loss in LOSSES:
        yield f"sasrec, {type(loss).__name__}", SASRecEstimator(**sasrec, loss=loss)
    yield "local text encoder", TextEncoder(LocalModel("a-model"))
    yield "http text encoder", TextEncoder(HttpModel("m", "http://127.0.0.1/v1"))
    # A function of numpy, which skops knows.
    yield "function text encoder", TextEncoder(FunctionModel(np.positive, revision="1"))
    yield "said encoder", SAIDTextEncoder("a-model")
    yield "preference encoder", PreferenceTextEncoder(PopularityEstimator(k=2))
    yield "gram text encoder", GRAMTextEstimator("a-model")


if __name__ == "__main__":
    write_archive(sys.argv[1], estimators())
