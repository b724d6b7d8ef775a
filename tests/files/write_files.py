"""Write one small file of every estimator, fitted and unfitted, for `test_old_files`.

Run once before a change of what files hold, with the code of that time; what it wrote is never
written again: ``python tests/files/write_files.py tests/files/format1.zip``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import json
import pickle
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skace import Catalog, Interactions, LeaveLastOut, ndcg_scorer
from skace.embeddings import (
    ACETransformer,
    ColumnSelector,
    ContrastiveTextEncoder,
    GlobalScaler,
    OnItems,
    TextEncoder,
    WhiteningTransformer,
)
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
from skace.persistence import dump
from skace.recommenders import (
    BERT4RecEstimator,
    EASEEstimator,
    FMLPEstimator,
    GRU4RecEstimator,
    L3AEEstimator,
    MELTEstimator,
    PopularityEstimator,
    RLAEEstimator,
    SASRecEstimator,
    SLISTEstimator,
    StackingRecommender,
    VotingRecommender,
)

SMALL = {"k": 2, "max_length": 4, "max_epochs": 2, "n_layers": 1, "random_state": 0}
QUIET = {"early_stopping": False}
LOSSES = {
    "sampled_softmax uniform": {"loss": "sampled_softmax", "n_negatives": 3},
    "sampled_softmax popularity": {
        "loss": "sampled_softmax",
        "n_negatives": 3,
        "negatives": "popularity",
    },
    "sampled_softmax in_batch": {"loss": "sampled_softmax", "negatives": "in_batch"},
    "bce": {"loss": "bce", "n_negatives": 8},
    "bce popularity": {"loss": "bce", "n_negatives": 2, "negatives": "popularity"},
    "gbce": {"loss": "gbce", "n_negatives": 3, "gbce_t": 0.5},
    "bpr": {"loss": "bpr", "n_negatives": 1, "negatives": "in_batch"},
}
TABLES = {
    "trainable": TrainableTable(init_std=0.1),
    "id": IDTable(),
    "frozen": FrozenTable(),
    "mlp": MLPAdapter(),
    "null space": NullSpaceTable(id_dim=2),
    "spectral": SpectralAdapter(),
    "dual view": DualViewTable(),
}


def data():
    """Log of six users over eight items with features, one of them cold."""
    rng = np.random.default_rng(0)
    lengths = [5, 4, 6, 3, 5, 7]
    users = np.repeat([f"u{number}" for number in range(6)], lengths)
    steps = np.concatenate([np.arange(length) for length in lengths])
    items = (np.repeat(rng.integers(7, size=6), lengths) + steps) % 7
    catalog = Catalog([f"i{number}" for number in range(8)], rng.standard_normal((8, 4)).round(3))
    return Interactions(users, [f"i{number}" for number in items], steps, catalog=catalog)


def estimators():
    """All of them by name, unfitted."""
    sasrec = SASRecEstimator(**SMALL, **QUIET, n_heads=1)
    yield "popularity", PopularityEstimator(k=2)
    yield "ease", EASEEstimator(k=2, regularization=2.0)
    yield "rlae", RLAEEstimator(k=2, regularization=2.0)
    yield "l3ae", L3AEEstimator(k=2, regularization=2.0)
    yield "slist", SLISTEstimator(k=2)
    yield "sasrec", sasrec
    yield "sasrec, early stopping", SASRecEstimator(**SMALL, n_heads=2, block="ligr")
    yield "gru4rec", GRU4RecEstimator(**SMALL, **QUIET)
    yield "bert4rec", BERT4RecEstimator(**SMALL, **QUIET, n_heads=1, mask_ratio=0.4)
    yield "fmlp", FMLPEstimator(**SMALL, **QUIET)
    yield "melt", MELTEstimator(sasrec, k=2, max_epochs=2, user_quantile=0.5, item_quantile=0.3)
    for name, loss in LOSSES.items():
        yield f"sasrec, {name}", clone(sasrec).set_params(**loss)
    for name, table in TABLES.items():
        wide = {} if name in ("trainable", "frozen") else {"embedding_dim": 4}
        yield f"sasrec, {name} table", clone(sasrec).set_params(item_table=table, **wide)
    members = [("ease", EASEEstimator(regularization=2.0)), ("sasrec", sasrec)]
    yield "voting", VotingRecommender(members, k=2)
    yield "stacking", StackingRecommender(members, k=2)
    pipeline = Pipeline([("ace", ACETransformer(2)), ("rec", clone(sasrec))])
    yield "pipeline", pipeline
    grid = {"rec__learning_rate": [0.001, 0.01]}
    yield "search", GridSearchCV(pipeline, grid, cv=LeaveLastOut(), scoring=ndcg_scorer(k=3))
    yield "ace", ACETransformer(2, alpha=0.5)
    yield "whitening", WhiteningTransformer()
    yield "columns", ColumnSelector(2)
    yield "scaler", GlobalScaler()
    yield "pca", OnItems(PCA(2))
    yield "text encoder", TextEncoder("a-model", template="{title}", missing="mean")
    yield "contrastive encoder", ContrastiveTextEncoder("a-model", max_epochs=3)


def aligned(X):
    """A table that keeps a fitted recommender."""
    reference = SASRecEstimator(**SMALL, **QUIET, n_heads=1, item_table=IDTable(), embedding_dim=4)
    table = AlignedAdapter(n_components=3, inner_dim=4, reference=FrozenEstimator(reference.fit(X)))
    return SASRecEstimator(**SMALL, **QUIET, n_heads=1, item_table=table, embedding_dim=4)


def answers(estimator, X):
    """What a fitted estimator gives, as a list of numbers."""
    if hasattr(estimator, "decision_function"):
        found = estimator.decision_function(X)
    else:
        found = estimator.transform(X.catalog.features)
    return np.asarray(found, dtype=np.float64).round(6).tolist()


def write_archive(path, named):
    """Write the files of estimators by name, and what the fitted ones answer."""
    warnings.simplefilter("ignore")
    X, expected = data(), {}
    with ZipFile(path, "x", ZIP_DEFLATED) as archive:
        for name, estimator in named:
            write(archive, f"{name}, unfitted", clone(estimator))
            if "encoder" not in name:  # which would need a language model
                estimator.fit(X)
                write(archive, f"{name}, fitted", estimator)
                expected[name] = answers(estimator, X)
        archive.writestr("answers.json", json.dumps(expected))


def write(archive, name, estimator):
    """Both kinds of files."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        dump(estimator, path)
        archive.writestr(f"{name}.skops", path.read_bytes())
    archive.writestr(f"{name}.pickle", pickle.dumps(estimator))


if __name__ == "__main__":
    write_archive(sys.argv[1], [*estimators(), ("sasrec, aligned table", aligned(data()))])
