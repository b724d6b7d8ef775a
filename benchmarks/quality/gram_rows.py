"""Rows for the leaderboard: GRAM by what its ids are made of, its tree, and scores of nodes.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/gram_rows.py
--rows "SASRec, ACE; GRAM, ACE; GRAM, ids of texts; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np
import scipy.sparse as sp
from lineup import Entry
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize

from skace import ACETransformer, SASRecEstimator
from skace.embeddings import SemanticIdEncoder
from skace.recommenders import GRAMEstimator

_WIDTH = 64  # of vectors of who took what


class GivenCodes(TransformerMixin, BaseEstimator):
    """Codes that were made of something else than the vectors of the catalog, by its rows."""

    def __init__(self, codes):
        self.codes = codes

    def fit(self, X, y=None):  # noqa: ARG002
        """Learn nothing."""
        return self

    def transform(self, X):
        """Codes of all rows of the catalog."""
        if len(X) != len(self.codes):
            raise ValueError(f"there are codes for {len(self.codes)} items, not {len(X)}.")
        return self.codes

    def __sklearn_is_fitted__(self):
        return True


def taker_vectors(train):
    """Vectors of items by who took them in the training rows; zero for nobody."""
    _, users = np.unique(train.users, return_inverse=True)
    items = np.searchsorted(train.catalog.item_ids, train.items)
    taken = sp.csr_array((np.ones(items.size), (items, users)))
    taken.resize((train.catalog.n_items, taken.shape[1]))
    return TruncatedSVD(_WIDTH, random_state=0).fit_transform(normalize(taken))


def vectors_for_ids(train, kind):
    """What ids are made of, each part of length one."""
    parts = []
    if "texts" in kind:
        parts.append(normalize(train.catalog.features))
    if "takers" in kind:
        parts.append(normalize(taker_vectors(train)))
    return np.hstack(parts)


def with_ids(train, *, kind, settings, **tree):
    """GRAM on ACE's vectors, with ids of others."""
    encoder = SemanticIdEncoder(**tree, random_state=0)
    codes = encoder.fit_transform(vectors_for_ids(train, kind))
    model = GRAMEstimator(semantic_ids=GivenCodes(codes), **settings)
    return Pipeline([("ace", ACETransformer(settings["embedding_dim"])), ("rec", model)])


def rows(settings):
    """Rows by name."""
    made = {
        "GRAM, ids of texts": {"kind": "texts", "n_clusters": 128, "n_levels": 1},
        "GRAM, ids of takers": {"kind": "takers", "n_clusters": 128, "n_levels": 1},
        "GRAM, ids of texts and takers": {
            "kind": "texts and takers",
            "n_clusters": 128,
            "n_levels": 1,
        },
        "GRAM, 16 clusters of both": {
            "kind": "texts and takers",
            "n_clusters": 16,
            "n_levels": 1,
        },
        "GRAM, 1024 clusters of both": {
            "kind": "texts and takers",
            "n_clusters": 1024,
            "n_levels": 1,
        },
        "GRAM, two levels of both": {
            "kind": "texts and takers",
            "n_clusters": 32,
            "n_levels": 2,
        },
    }
    entries = {
        name: Entry(partial(with_ids, settings=settings, **how)) for name, how in made.items()
    }
    return entries | falling_rows(settings)


def falling_rows(settings):
    """All events learned in 12 epochs of a rate that falls to 0, on ACE's vectors."""
    settings = settings | {
        "positions": "relative",
        "early_stopping": False,
        "max_epochs": 12,
        "learning_rate": 0.003,
        "learning_rate_schedule": "linear",
    }
    models = {
        "SASRec": SASRecEstimator(**settings),
        "GRAM": GRAMEstimator(**settings),
        "GRAM by items": GRAMEstimator(node_scores="items", **settings),
    }
    return {
        f"{name}, falling rate": Entry(
            Pipeline([("ace", ACETransformer(settings["embedding_dim"])), ("rec", model)])
        )
        for name, model in models.items()
    }
