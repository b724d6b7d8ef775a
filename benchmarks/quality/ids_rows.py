"""Rows for the leaderboard: SASRec on ids, and on ACE's vectors, by order and learning rate.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/ids_rows.py
--rows "SASRec, ids; SASRec, ids, relative; SASRec, ids, all events; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

from lineup import Entry
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator
from skace.item_tables import IDTable

FALLING = (4, 6, 12, 21)  # epochs of a rate that falls to 0
POSITIONS = ("relative", "rotary", "time")
EPOCHS = 26  # where validation events of Beauty were predicted best by an earlier fit of ids


def rows(settings):
    """Rows by name."""

    def ids(**more):
        return Entry(SASRecEstimator(item_table=IDTable(), **(settings | more)))

    def ace(**more):
        steps = [("ace", ACETransformer(settings["embedding_dim"]))]
        return Entry(Pipeline([*steps, ("rec", SASRecEstimator(**(settings | more)))]))

    made = {}
    for name, row in (("SASRec, ids", ids), ("SASRec, ACE", ace)):
        made |= {f"{name}, {kind}": row(positions=kind) for kind in POSITIONS}
        made[f"{name}, all events"] = row(positions="relative", train_on_held_out=True)
        made[f"{name}, all events, 26 epochs"] = row(
            positions="relative", early_stopping=False, max_epochs=EPOCHS
        )
        for n_epochs in FALLING:
            made[f"{name}, all events, {n_epochs} epochs, falling rate"] = row(
                positions="relative",
                early_stopping=False,
                max_epochs=n_epochs,
                learning_rate=0.003,
                learning_rate_schedule="linear",
            )
    return made
