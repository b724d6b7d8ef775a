"""Rows for the leaderboard: other ways in which texts enter SASRec, with the recipe of ACE's row.

Each has as many candidates as ACE, three, here of the learning rate, which falls to 0 in 12 epochs.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/rivals.py
--rows "SASRec, ids; SASRec, ACE; SpecTran; ..." --search``
"""
# SPDX-License-Identifier: BSD-3-Clause

from falling_rows import FALLING
from falling_rows import rows as falling_rows
from lineup import Entry
from methods import methods
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skace import SASRecEstimator
from skace.item_tables import (
    AlignedAdapter,
    DualViewTable,
    IDTable,
    SpectralAdapter,
    TrainableTable,
)
from skace.recommenders import MELTEstimator

RATES = [0.001, 0.003, 0.01]
# Steps and tables of these are those of methods.py, in which they have a grid of their own.
SHARED = {
    "LLM2X": "llm2x",
    "LLMInit": "llminit",
    "WhitenRec": "whitenrec",
    "WhitenRec+": "whitenrec+",
    "AlphaRec": "alpharec",
    "AlphaFuse": "alphafuse",
}
TABLES = {
    "SpecTran": SpectralAdapter(),
    "SpecTran without ids": SpectralAdapter(id_init=None),
    "LLM-ESR": DualViewTable(distillation=0.1),
    "LLM-ESR without residual": DualViewTable(residual=False, distillation=0.1),
}
ALIGNED = {
    "LLMEmb": AlignedAdapter(),
    "LLMEmb, no alignment": AlignedAdapter(alpha=0),
    "LLMEmb and ids": AlignedAdapter(id_init="zeros"),
}


def rows(settings):
    """Rows by name, those of ``falling_rows.py`` among them."""
    return falling_rows(settings) | rivals(settings | FALLING, {"learning_rate": RATES})


def rivals(settings, grid):
    """Rows by name, all with these parameters of the network and the same grid."""
    ids = SASRecEstimator(**settings, item_table=IDTable())

    def entry(table, steps=(), grid=grid):
        network = SASRecEstimator(**settings, item_table=clone(table))
        return Entry(Pipeline([*steps, ("rec", network)]), grid)

    def aligned(table):
        reference = ids if table.alpha > 0 else None
        return entry(clone(table).set_params(reference=reference))

    known = methods(settings["embedding_dim"], [1.0])
    shared = {name: known[key] for name, key in SHARED.items()}
    melt = MELTEstimator(ids, max_epochs=settings["max_epochs"])
    of_melt = {f"rec__estimator__{name}": values for name, values in grid.items()}
    return {
        **{
            name: entry(method.table or TrainableTable(), method.steps)
            for name, method in shared.items()
        },
        **{name: entry(table) for name, table in TABLES.items()},
        **{name: aligned(table) for name, table in ALIGNED.items()},
        "MELT, ids": Entry(Pipeline([("rec", melt)]), of_melt),
    }
