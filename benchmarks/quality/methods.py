"""Ways in which item vectors enter a network: rows of the comparison.

Each method is a list of steps before the model, an item table (for networks), and a grid that
GridSearchCV goes through on validation rows. All start with entries of standard deviation .1, the
scale of ACE; "random" and "id" start at .02.
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
    EASEEstimator,
    GRU4RecEstimator,
    ItemKNNEstimator,
    L3AEEstimator,
    OnItems,
    RLAEEstimator,
    SASRecEstimator,
    SLISTEstimator,
    WhiteningTransformer,
)
from skace.embeddings import ColumnSelector, GlobalScaler
from skace.item_tables import (
    AlignedAdapter,
    DualViewTable,
    FrozenTable,
    IDTable,
    MLPAdapter,
    NullSpaceTable,
    SpectralAdapter,
    TrainableTable,
)
from skace.recommenders import FMLPEstimator, GRAMEstimator, MELTEstimator


def _melt(**parameters):
    """MELT around SASRec."""
    return MELTEstimator(SASRecEstimator(**parameters), max_epochs=parameters["max_epochs"])


BACKBONES = {
    "sasrec": SASRecEstimator,
    "gru4rec": GRU4RecEstimator,
    "bert4rec": BERT4RecEstimator,
    "fmlp": FMLPEstimator,
    "gram": GRAMEstimator,
    "melt": _melt,
}
# Where the parameters of the network are found in a pipeline.
NETWORK = {"melt": "rec__estimator__"}
# Closed forms, each with the grid of its own parameters.
DECAYS = [None, 1.0, 2.0, 3.0]
CLOSED_FORMS = {
    "ease": (EASEEstimator(), {"regularization": [50, 200, 800]}),
    "rlae": (RLAEEstimator(), {"regularization": [200], "xi": [0.1, 0.3]}),
    "l3ae": (L3AEEstimator(), {"alignment": [100, 300], "feature_regularization": [1, 10]}),
    "slist": (SLISTEstimator(), {"alpha": [0.2, 0.8]}),
    "item-knn": (ItemKNNEstimator(), {"text_weight": [0.02, 0.05, 0.1]}),
}


@dataclass(frozen=True)
class Method:
    """How features are prepared, how they enter, and what is searched."""

    steps: list = field(default_factory=list)
    table: Any = None
    grid: dict = field(default_factory=dict)
    reads_features: bool = True
    is_aligned: bool = False  # with a network of ids, fitted before on the same rows
    backbone: str | None = None  # in place of the one that all others share


def methods(width, alphas):
    """All methods by name, for networks of a width."""
    pca = ("pca", OnItems(make_pipeline(PCA(width, svd_solver="covariance_eigh"), GlobalScaler())))
    whitened = ("zca", WhiteningTransformer())
    views = FeatureUnion(
        [("full", WhiteningTransformer()), ("groups", WhiteningTransformer(n_groups=4))]
    )
    return {
        "raw": Method(),
        "random": Method(table=TrainableTable(), reads_features=False),
        "random .1": Method(table=TrainableTable(init_std=0.1), reads_features=False),
        "id": Method(table=IDTable(), grid={"rec__dropout": [0.1, 0.2, 0.3, 0.5]}),
        "pca": Method([("ace", ACETransformer(width, alpha=np.inf, center=True))]),
        "whitening": Method([("ace", ACETransformer(width, alpha=0))]),
        "ace": Method([("ace", ACETransformer(width))], grid={"ace__alpha": alphas}),
        "power": Method(
            [("ace", ACETransformer(width, spectrum="power"))],
            grid={"ace__exponent": [0.25, 0.5, 0.75]},
        ),
        "frozen": Method([("ace", ACETransformer(width))], FrozenTable(), {"ace__alpha": alphas}),
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
        "llmemb": Method([], AlignedAdapter(), is_aligned=True),
        "llm-esr": Method([], DualViewTable(), {"rec__item_table__distillation": [0.0, 0.1]}),
        "gram": Method(
            [("ace", ACETransformer(width))], grid={"ace__alpha": alphas}, backbone="gram"
        ),
    }


def build(name, backbone, alphas, **parameters):
    """Pipeline of a method before a network or a closed form, and its grid.

    ``parameters`` are those of the networks.

    ``name`` may be "ace@10", which is ACE with lambda = 10 as in the paper, not searched.
    """
    kind, _, ridge = name.partition("@")
    method = methods(parameters["embedding_dim"], alphas)[kind]
    backbone = method.backbone or backbone
    if backbone in CLOSED_FORMS:
        model, own = CLOSED_FORMS[backbone]
        own = {f"rec__{key}": values for key, values in own.items()} | {
            "rec__history_decay": DECAYS
        }
    else:
        table = TrainableTable() if method.table is None else method.table
        model, own = BACKBONES[backbone](**parameters, item_table=clone(table)), {}
    pipeline = Pipeline([*method.steps, ("rec", clone(model))])
    if ridge:
        pipeline.set_params(ace__alpha=float(ridge), ace__alpha_mode="absolute")
    return pipeline, own if ridge else method.grid | own, method
