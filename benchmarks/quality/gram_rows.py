"""Rows for the leaderboard: GRAM by how nodes are scored, by its tree, and in a blend.

Trees of texts and takers have codes of the vectors before ACE; ``ids_from`` makes them after it.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/gram_rows.py
--rows "SASRec, falling rate; GRAM, falling rate; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

from functools import partial

import numpy as np
import scipy.sparse as sp
from falling_rows import FALLING
from lineup import Entry
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize

from skace import ACETransformer, SASRecEstimator, StackingRecommender, VotingRecommender
from skace.embeddings import SemanticIdEncoder
from skace.recommenders import GRAMEstimator

_WIDTH = 64  # of vectors of who took what

# What ids are made of, and the tree.
_TREES = {
    "GRAM, ids of texts": ("texts", {"n_clusters": 128, "n_levels": 1}),
    "GRAM, ids of takers": ("takers", {"n_clusters": 128, "n_levels": 1}),
    "GRAM, ids of texts and takers": ("texts and takers", {"n_clusters": 128, "n_levels": 1}),
    "GRAM, 16 clusters of both": ("texts and takers", {"n_clusters": 16, "n_levels": 1}),
    "GRAM, 1024 clusters of both": ("texts and takers", {"n_clusters": 1024, "n_levels": 1}),
    "GRAM, two levels of both": ("texts and takers", {"n_clusters": 32, "n_levels": 2}),
}


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


def on_ace(model, settings):
    """A model on ACE's vectors."""
    return Pipeline([("ace", ACETransformer(settings["embedding_dim"])), ("rec", model)])


def with_ids(train, *, kind, tree, settings, blend=False):
    """GRAM on ACE's vectors, with ids of others; with ``blend`` in equal votes with SASRec."""
    encoder = SemanticIdEncoder(**tree, random_state=0)
    codes = encoder.fit_transform(vectors_for_ids(train, kind))
    model = GRAMEstimator(semantic_ids=GivenCodes(codes), **settings)
    if blend:
        model = VotingRecommender([("sasrec", SASRecEstimator(**settings)), ("gram", model)])
    return on_ace(model, settings)


def rows(settings):
    """Rows by name: each tree with early stopping, and all of them with a rate that falls."""
    falling = settings | FALLING
    found = models(falling)
    for name, (kind, tree) in _TREES.items():
        found[name] = Entry(partial(with_ids, kind=kind, tree=tree, settings=settings))
        found[f"{name}, falling rate"] = Entry(
            partial(with_ids, kind=kind, tree=tree, settings=falling)
        )
    kind, tree = _TREES["GRAM, ids of texts and takers"]
    found["SASRec and GRAM, ids of texts and takers, equal votes, falling rate"] = Entry(
        partial(with_ids, kind=kind, tree=tree, settings=falling, blend=True)
    )
    return found


def models(settings):
    """SASRec, GRAM by items and by vectors of nodes, and blends of both."""
    sasrec, gram = SASRecEstimator(**settings), GRAMEstimator(**settings)
    both = GRAMEstimator(ids_from="both", **settings)
    members = [("sasrec", sasrec), ("gram", gram)]
    by_name = {
        "SASRec": sasrec,
        "GRAM": gram,
        "GRAM, 512 clusters": GRAMEstimator(
            semantic_ids=SemanticIdEncoder(512, n_levels=1), **settings
        ),
        "GRAM, 1024 clusters": GRAMEstimator(
            semantic_ids=SemanticIdEncoder(1024, n_levels=1), **settings
        ),
        "GRAM by node vectors": GRAMEstimator(node_scores="vectors", **settings),
        "GRAM, late fusion": GRAMEstimator(fusion="late", **settings),
        "GRAM, ids from both": both,
        "SASRec and GRAM, equal votes": VotingRecommender(members),
        "SASRec and GRAM, learned weights": StackingRecommender(members),
        "SASRec and GRAM, ids from both, equal votes": VotingRecommender(
            [("sasrec", sasrec), ("gram", both)]
        ),
    }
    return {f"{name}, falling rate": Entry(on_ace(one, settings)) for name, one in by_name.items()}
