"""Closed-form recommenders side by side: accuracy, seconds to fit, peak memory.

Leave-one-out with full ranking, as in compare.py. Parameters are chosen on each user's last event
before the test, by NDCG@10. See ``python benchmarks/quality/closed_forms.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from compare import figures, read_data
from measuring import describe_machine, forget_peak, in_own_process, peak_memory
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline

from skace import ACETransformer, LeaveLastOut, PopularityEstimator, ndcg_scorer
from skace.metrics import popularity_groups
from skace.model_selection import leave_last_out
from skace.recommenders import (
    EASEEstimator,
    ItemKNNEstimator,
    L3AEEstimator,
    RLAEEstimator,
    SLISTEstimator,
)

DECAYS = [None, 1.0, 2.0, 3.0]
# What needs an inverse of its own is listed apart, so that each is computed once.
GRIDS = {
    "popularity": (PopularityEstimator(), [{}]),
    "ease": (EASEEstimator(), [{"regularization": [r]} for r in (50, 200, 800)]),
    "edlae": (
        EASEEstimator(),
        [{"regularization": [r], "dropout": [0.5]} for r in (50, 200)],
    ),
    "rlae": (
        RLAEEstimator(),
        [{"regularization": [200], "xi": [0.1, 0.3]}],
    ),
    "l3ae": (
        L3AEEstimator(),
        [{"alignment": [e], "feature_regularization": [1, 10]} for e in (100, 300)],
    ),
    "slist": (
        SLISTEstimator(),
        [{"alpha": [a]} for a in (0.2, 0.8)],
    ),
    "item-knn": (
        ItemKNNEstimator(),
        [{"text_weight": [0.02, 0.05, 0.1]}],
    ),
    "item-knn defaults": (ItemKNNEstimator(), [{}]),
}
GRIDS["l3ae of ace"] = (
    Pipeline([("ace", ACETransformer(alpha=1.0)), ("rec", L3AEEstimator())]),
    [
        {f"rec__{name}": values for name, values in grid.items()} | {"ace__alpha": [1.0]}
        for grid in GRIDS["l3ae"][1]
    ],
)


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument(
        "--embeddings", help="file in the folders, if they have several embeddings_*"
    )
    parser.add_argument("--models", default=",".join(GRIDS), help="rows of the table")
    parser.add_argument(
        "--parameters", type=Path, help="JSON of another run whose parameters are taken, unsearched"
    )
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def search(name, train):
    """Best parameters on the validation rows, with their NDCG@10."""
    estimator, grids = GRIDS[name]
    if grids != [{}]:
        model = "rec__" if isinstance(estimator, Pipeline) else ""
        grids = [grid | {f"{model}history_decay": DECAYS} for grid in grids]
        if f"{model}store_counts" in estimator.get_params():
            # Of a dense log too: its candidates share the counts.
            estimator = clone(estimator).set_params(**{f"{model}store_counts": True})
    found = GridSearchCV(
        estimator, grids, cv=LeaveLastOut(), scoring=ndcg_scorer(k=10), refit=False
    ).fit(train)
    logging.info("%s: %d candidates", name, len(ParameterGrid(grids)))
    return found.best_params_, float(found.best_score_)


def fit_and_rank(folder, embeddings, name, parameters):
    """Fit on all rows before the test and rank it; runs in a process of its own."""
    train, test = leave_last_out(read_data(folder, embeddings))
    forget_peak()  # reading the files may have taken more than a fit
    before = peak_memory()
    model = GRIDS[name][0].set_params(**parameters)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    model.fit(train)
    fitted_cpu = time.process_time()
    fitted, peak = time.perf_counter(), peak_memory()
    last = model[-1] if isinstance(model, Pipeline) else model
    ranks = {h: last.target_ranks(test, exclude_seen=h == "masked") for h in ("kept", "masked")}
    rank_cpu = (time.process_time() - fitted_cpu) / 2
    counts = last.item_counts_
    tail = last.item_ids_[popularity_groups(counts, head=0.2)["tail"]]
    is_tail = np.isin(test.items, tail)
    return {
        "model": name,
        "parameters": parameters,
        **{history: figures(r, is_tail) for history, r in ranks.items()},
        "fit seconds": fitted - begin,
        "rank seconds": (time.perf_counter() - fitted) / 2,
        "CPU seconds of fit and ranks": fitted_cpu - begin_cpu + rank_cpu,
        "peak memory GiB": peak_memory(),
        "of which before the fit": before,
        "peak of the fit in matrices": (peak - before) * 2**30 / 4 / train.n_items**2,
    }


def print_table(records, folder):
    print(f"\n{folder.name}, test rows, full ranking, history kept (R@20 N@10 also masked)")
    head = "R@10   R@20   N@10   N@20   tail20 | R@20m  N@10m | fit s  GiB   n x n  parameters"
    print(f"{'model':<12} {head}")
    for record in records:
        kept, masked = record["kept"], record["masked"]
        row = " ".join(f"{value:.4f}" for value in kept.values())
        print(
            f"{record['model']:<12} {row} | {masked['R@20']:.4f} {masked['N@10']:.4f} | "
            f"{record['fit seconds']:>5.1f} {record['peak memory GiB']:>5.2f} "
            f"{record['peak of the fit in matrices']:>6.2f}  "
            f"{record['parameters']}"
        )


def main(words=None):
    """Search, fit and rank every model on every folder; print and store the tables."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    known = None
    if arguments.parameters:
        records = json.loads(arguments.parameters.read_text())["models"]
        known = {record["model"]: record["parameters"] for record in records}
    for folder in arguments.data:
        train, _ = leave_last_out(read_data(folder, arguments.embeddings))
        records = []
        for name in arguments.models.split(","):
            parameters, score = search(name, train) if known is None else (known[name], None)
            record = in_own_process(fit_and_rank, folder, arguments.embeddings, name, parameters)
            record["validation NDCG@10"] = score
            logging.info("%s: %s", folder.name, record)
            records.append(record)
            arguments.output.mkdir(parents=True, exist_ok=True)
            path = arguments.output / f"closed_forms_{folder.name}.json"
            path.write_text(json.dumps({**describe_machine(), "models": records}, indent=1))
        print_table(records, folder)


if __name__ == "__main__":
    main()
