"""Rows for the leaderboard: SASRec on ids, and on ACE's vectors, by positions and lengths.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/ids_rows.py
--rows "SASRec, ids; ids, relative; ids, relative, one length; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

from lineup import Entry
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator
from skace.item_tables import IDTable, TrainableTable

LENGTH = 1.5  # of all item vectors


def rows(settings):
    """Rows by name."""

    def ids(positions, vector_norm=None):
        table = IDTable(vector_norm=vector_norm)
        return Entry(SASRecEstimator(item_table=table, positions=positions, **settings))

    def ace(positions, vector_norm=None):
        table = TrainableTable(vector_norm=vector_norm)
        network = SASRecEstimator(item_table=table, positions=positions, **settings)
        return Entry(
            Pipeline([("ace", ACETransformer(settings["embedding_dim"])), ("rec", network)])
        )

    return {
        "ids, relative": ids("relative"),
        "ids, one length": ids("absolute", LENGTH),
        "ids, relative, one length": ids("relative", LENGTH),
        "ACE, relative": ace("relative"),
        "ACE, one length": ace("absolute", LENGTH),
        "ACE, relative, one length": ace("relative", LENGTH),
    }
