"""Rows for the leaderboard: GRAM by how nodes are scored, by its tree, and in a blend.

``python benchmarks/quality/leaderboard.py --data FOLDER --methods benchmarks/quality/gram_rows.py
--rows "SASRec, falling rate; GRAM, falling rate; ..."``
"""
# SPDX-License-Identifier: BSD-3-Clause

from falling_rows import FALLING
from lineup import Entry
from sklearn.pipeline import Pipeline

from skace import ACETransformer, SASRecEstimator, StackingRecommender, VotingRecommender
from skace.embeddings import SemanticIdEncoder
from skace.recommenders import GRAMEstimator

# Trees beside the default, 128 clusters of one level.
_TREES = {
    "16 clusters": {"n_clusters": 16, "n_levels": 1},
    "512 clusters": {"n_clusters": 512, "n_levels": 1},
    "1024 clusters": {"n_clusters": 1024, "n_levels": 1},
    "two levels of 32": {"n_clusters": 32, "n_levels": 2},
    "two codebooks of 32": {"n_clusters": 32, "n_levels": 2, "method": "residual"},
}


def rows(settings):
    """Rows by name: all of them on ACE's vectors, with a rate that falls."""
    falling = settings | FALLING

    def on_ace(model):
        return Entry(Pipeline([("ace", ACETransformer(falling["embedding_dim"])), ("rec", model)]))

    return {f"{name}, falling rate": on_ace(model) for name, model in models(falling).items()}


def models(settings):
    """SASRec, GRAM by what its tree is and how nodes are compared, and blends of both."""
    sasrec, gram = SASRecEstimator(**settings), GRAMEstimator(**settings)
    both = GRAMEstimator(ids_from="both", **settings)
    members = [("sasrec", sasrec), ("gram", gram)]
    return {
        "SASRec": sasrec,
        "GRAM": gram,
        "GRAM by node vectors": GRAMEstimator(node_scores="vectors", **settings),
        "GRAM, late fusion": GRAMEstimator(fusion="late", **settings),
        "GRAM, ids from both": both,
        **_trees("GRAM", **settings),
        **_trees("GRAM, ids from both", ids_from="both", **settings),
        "SASRec and GRAM, equal votes": VotingRecommender(members),
        "SASRec and GRAM, learned weights": StackingRecommender(members),
        "SASRec and GRAM, ids from both, equal votes": VotingRecommender(
            [("sasrec", sasrec), ("gram", both)]
        ),
    }


def _trees(name, **parameters):
    """GRAM with each of the trees."""
    return {
        f"{name}, {words}": GRAMEstimator(semantic_ids=SemanticIdEncoder(**tree), **parameters)
        for words, tree in _TREES.items()
    }
