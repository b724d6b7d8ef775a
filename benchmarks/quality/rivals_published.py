"""Rows for compare.py: the methods that papers on the long tail compare, trained as in them.

Binary cross-entropy with one negative, dropout .5, one head, batches of 128, for the recommender of
ids that LLMEmb is aligned with, too. Nothing is searched: papers give these values.

``python benchmarks/quality/compare.py --data FOLDER --features ""
--methods benchmarks/quality/rivals_published.py --epochs 200 --patience 20 --batch-size 128``,
then ``sampled.py`` for the figures among 100 sampled items.
"""
# SPDX-License-Identifier: BSD-3-Clause

from lineup import Entry
from methods import methods
from rivals import rivals
from sklearn.pipeline import Pipeline

from skace import SASRecEstimator
from skace.item_tables import IDTable
from skace.losses import BCE

PUBLISHED = {"loss": BCE(n_negatives=1), "dropout": 0.5, "n_heads": 1}
NAMES = (
    "LLMEmb",
    "LLMEmb and ids",
    "LLM-ESR",
    "LLM-ESR without residual",
    "SpecTran",
    "MELT, ids",
    "LLM2X",
)


def rows(settings):
    """Rows by name."""
    settings = settings | PUBLISHED
    found = rivals(settings, {})
    ids = SASRecEstimator(**settings, item_table=IDTable())
    ace = methods(settings["embedding_dim"], [1.0])["ace"].steps
    return {
        "SASRec, ids": Entry(Pipeline([("rec", ids)])),
        **{name: found[name] for name in NAMES},
        "SASRec, ACE": Entry(Pipeline([*ace, ("rec", SASRecEstimator(**settings))])),
    }
