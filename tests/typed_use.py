"""Uses that a type checker has to refuse: mypy reads this file, nobody runs it.

Each ``type: ignore`` must be needed, or ``make lint`` fails (``warn_unused_ignores``).
"""
# SPDX-License-Identifier: BSD-3-Clause

from skace import BERT4RecEstimator, SASRecEstimator
from skace.embeddings import HttpModel, LocalModel, TextEncoder
from skace.losses import BCE
from skace.recommenders import EASEEstimator, FMLPEstimator, GRU4RecEstimator, SLISTEstimator


def misspelt() -> None:
    """Names that no parameter has."""
    SASRecEstimator(n_layer=2)  # type: ignore[call-arg]
    GRU4RecEstimator(max_epoch=2)  # type: ignore[call-arg]
    BERT4RecEstimator(mask_rate=0.2)  # type: ignore[call-arg]
    FMLPEstimator(learn_rate=0.1)  # type: ignore[call-arg]
    EASEEstimator(regularisation=1.0)  # type: ignore[call-arg]
    SLISTEstimator(decay=1.0)  # type: ignore[call-arg]
    TextEncoder("name", base_url="http://h")  # type: ignore[call-arg]
    LocalModel("name", n_retries=3)  # type: ignore[call-arg]


def of_another_type() -> None:
    """Values that no parameter takes."""
    SASRecEstimator(max_epochs="many")  # type: ignore[arg-type]
    SASRecEstimator(loss="bce")  # type: ignore[arg-type]
    EASEEstimator(solver="fast")  # type: ignore[arg-type]
    TextEncoder(encoder=3)  # type: ignore[arg-type]


def right() -> None:
    """What is to pass without a word."""
    SASRecEstimator(5, n_layers=2, max_epochs=3, loss=BCE(n_negatives=8), device="cpu")
    EASEEstimator(5, regularization=1.0, history_decay=2.0, store_counts=True)
    SLISTEstimator(5, history_decay=None, solver="local")
    TextEncoder(HttpModel("name", "http://h", timeout=3.0), normalize=False)
    TextEncoder(lambda texts: [[len(text)] for text in texts])
