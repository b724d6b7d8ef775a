"""Ways in which item vectors enter a network: rows of the comparison.

Each method is a list of steps before the network, an item table, and a grid that GridSearchCV
goes through on validation rows. All start with entries of standard deviation .1, the scale of ACE;
"random" and "id" start at .02.
"""
# SPDX-License-Identifier: BSD-3-Clause

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from skace import (
    ACETransformer,
    BERT4RecEstimator,
    GRU4RecEstimator,
    OnItems,
    SASRecEstimator,
    WhiteningTransformer,
)
from skace.embeddings import ColumnSelector, GlobalScaler
from skace.item_tables import (
    AlignedAdapter,
    DualViewTable,
    IDTable,
    MLPAdapter,
    NullSpaceTable,
    SpectralAdapter,
    TrainableTable,
)

BACKBONES = {"sasrec": SASRecEstimator, "gru4rec": GRU4RecEstimator, "bert4rec": BERT4RecEstimator}


@dataclass(frozen=True)
class Method:
    """How features are prepared, how they enter, and what is searched."""

    steps: list = field(default_factory=list)
    table: Any = None
    grid: dict = field(default_factory=dict)
    reads_features: bool = True
    needs_reference: bool = False  # a network of ids, fitted before


def methods(width, alphas):
    """All methods by name, for networks of a width."""
    pca = ("pca", OnItems(make_pipeline(PCA(width, svd_solver="covariance_eigh"), GlobalScaler())))
    whitened = ("zca", WhiteningTransformer())
    views = FeatureUnion([("full", WhiteningTransformer()), ("groups", WhiteningTransformer())])
    return {
        "random": Method(table=TrainableTable(), reads_features=False),
        "random .1": Method(table=TrainableTable(init_std=0.1), reads_features=False),
        "id": Method(table=IDTable()),
        "pca": Method([("ace", ACETransformer(width, alpha=np.inf, center=True))]),
        "whitening": Method([("ace", ACETransformer(width, alpha=0))]),
        "ace": Method([("ace", ACETransformer(width))], grid={"ace__alpha": alphas}),
        "power": Method(
            [("ace", ACETransformer(width, spectrum="power"))],
            grid={"ace__exponent": [0.25, 0.5, 0.75]},
        ),
        "llm2x": Method([pca]),
        "llminit": Method([("columns", ColumnSelector(width)), ("scale", OnItems(GlobalScaler()))]),
        "whitenrec": Method([whitened], MLPAdapter(), {"rec__item_table__ratio": [0.5, 1.0]}),
        "whitenrec+": Method(
            [("views", OnItems(views))],
            MLPAdapter(views=2),
            {"views__transformer__groups__n_groups": [4, 16]},
        ),
        "alpharec": Method([], MLPAdapter(activation="leaky_relu")),
        "alphafuse": Method(
            [],
            NullSpaceTable(id_dim=width // 2),
            {"rec__item_table__id_init": ["zeros", "normal"]},
        ),
        "spectran": Method([], SpectralAdapter(), {"rec__item_table__alpha": alphas}),
        "llmemb": Method([], AlignedAdapter(), needs_reference=True),
        "llm-esr": Method([], DualViewTable()),
    }


def build(name, backbone, alphas, **parameters):
    """Pipeline of a method, and its grid.

    ``name`` may be "ace@10", which is ACE with lambda = 10 as in the paper, not searched.
    """
    width = parameters["embedding_dim"]
    kind, _, ridge = name.partition("@")
    method = methods(width, alphas)[kind]
    table = TrainableTable() if method.table is None else method.table
    model = BACKBONES[backbone](**parameters, item_table=clone(table))
    pipeline = Pipeline([*method.steps, ("rec", model)])
    grid = method.grid
    if ridge:
        pipeline.set_params(ace__alpha=float(ridge), ace__alpha_mode="absolute")
        grid = {}
    return pipeline, grid, method
