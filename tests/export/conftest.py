"""Models that are exported, fitted once."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np
import pytest

from skace import (
    ACETransformer,
    BERT4RecEstimator,
    EASEEstimator,
    GRU4RecEstimator,
    ItemKNNEstimator,
    PopularityEstimator,
    SASRecEstimator,
    SLISTEstimator,
)
from skace.datasets import make_shop
from skace.embeddings import SemanticIdEncoder
from skace.item_tables import DualViewTable, IDTable, SpectralAdapter
from skace.recommenders import FMLPEstimator, GRAMEstimator, MELTEstimator

SHARED = {"max_epochs": 1, "early_stopping": False, "random_state": 0, "max_length": 6, "k": 5}


def sasrec(**parameters):
    return SASRecEstimator(**{**SHARED, "n_layers": 2, **parameters})


NETWORKS = {
    "sasrec": sasrec,
    "sasrec, relative, pre": lambda: sasrec(positions="relative", block="pre"),
    "sasrec, rotary, ligr": lambda: sasrec(positions="rotary", block="ligr", n_layers=1),
    "sasrec, hstu": lambda: sasrec(positions="relative", block="hstu", n_layers=1),
    "sasrec, hstu, rotary": lambda: sasrec(positions="rotary", block="hstu"),
    "sasrec, without features": lambda: sasrec(item_table=IDTable(), embedding_dim=12),
    "sasrec, two views": lambda: sasrec(item_table=DualViewTable(), embedding_dim=16),
    "sasrec, adapter": lambda: sasrec(item_table=SpectralAdapter(), embedding_dim=8),
    "bert4rec": lambda: BERT4RecEstimator(**SHARED),
    "gru4rec": lambda: GRU4RecEstimator(**SHARED, n_layers=2, hidden_dim=12),
    "fmlp": lambda: FMLPEstimator(**SHARED),
    "gram": lambda: GRAMEstimator(
        **SHARED, n_layers=1, fusion="late", semantic_ids=SemanticIdEncoder(4, n_levels=2)
    ),
    "gram by node vectors": lambda: GRAMEstimator(
        **SHARED, n_layers=1, node_scores="vectors", semantic_ids=SemanticIdEncoder(4, n_levels=2)
    ),
    "melt": lambda: MELTEstimator(sasrec(), user_threshold=4, max_epochs=1),
}
SUMS = {
    "popularity": lambda: PopularityEstimator(k=5),
    "ease": lambda: EASEEstimator(k=5),
    "ease, sparse, decayed": lambda: EASEEstimator(k=5, history_decay=2.0, n_neighbors=7),
    "slist": lambda: SLISTEstimator(k=5),
    "neighbours": lambda: ItemKNNEstimator(k=5),
    "neighbours, a set": lambda: ItemKNNEstimator(k=5, history_decay=None, text_weight=0),
}


def pytest_generate_tests(metafunc):
    """Tests that take a ``network``, or ``any_model``, run for each by its name."""
    if "network" in metafunc.fixturenames:
        metafunc.parametrize("network", NETWORKS)
    if "any_model" in metafunc.fixturenames:
        metafunc.parametrize("any_model", [*NETWORKS, *SUMS])


@pytest.fixture(scope="session")
def shop_rows():
    """Interactions with 60 items, of which some are cold."""
    shop = make_shop(50, 60, 300, n_features=16, random_state=0)
    return ACETransformer(n_components=8).fit_transform(shop.interactions)


@pytest.fixture(scope="session")
def fitted(shop_rows):
    """A fitted model by its name; weights of networks are shaken, so that none is 0 or 1."""
    known = {}

    def find(name):
        if name not in known:
            model = {**NETWORKS, **SUMS}[name]().fit(shop_rows)
            known[name] = shaken(model) if name in NETWORKS else model
        return known[name]

    return find


def shaken(model):
    """The model with noise on all weights of its encoder and of its table."""
    rng = np.random.default_rng(0)
    arrays = [*model.encoder_state_.values(), *model.item_table_state_.values()]
    for array in arrays:
        if array.dtype.kind == "f" and array.size > 1:
            np.add(array, rng.normal(0, 0.1, array.shape).astype(array.dtype), out=array)
    model._network = None
    model.item_vectors_ = model._fitted_network().table.numpy().copy()
    return model


@pytest.fixture(scope="session")
def histories(shop_rows):
    """Histories of one event to many, one with repeated events, one longer than any window."""
    ids = shop_rows.catalog.item_ids.tolist()
    return [ids[3:4], ids[:2], ids[5:11], ids[2:4] * 2, ids[:14], ids[20:23]]
