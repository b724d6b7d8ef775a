"""Compare what a sequential recommender can start from: random vectors, PCA, whitening, ACE.

Leave-one-out with full ranking: each user's last event is the test, the one before it stops the
training. ACE's alpha is chosen by GridSearchCV, on events before the test only. See
``python benchmarks/quality/compare.py --help`` and benchmarks/README.rst.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import csv
import json
import logging
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import sklearn
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

import skace
from skace import ACETransformer, Catalog, Interactions, LeaveLastOut, SASRecEstimator, ndcg_scorer
from skace.item_tables import TrainableTable
from skace.metrics import ndcg_at_k, paired_bootstrap, popularity_groups, recall_at_k
from skace.model_selection import leave_last_out

METRICS = ("R@10", "R@20", "N@10", "N@20", "tail R@20")


@dataclass
class Row:
    """One line of the table: a kind of features, fitted once per seed."""

    features: str
    alpha: float | None = None
    epochs: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ranks: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"kept": [], "masked": []})
    is_tail: np.ndarray | None = None

    def figures(self, history):
        """Mean over the seeds of each metric."""
        by_seed = [figures(ranks, self.is_tail) for ranks in self.ranks[history]]
        return {name: float(np.mean([seed[name] for seed in by_seed])) for name in METRICS}

    def hits(self, history, k=20):
        """Per seed and test row, whether the target is among the best k."""
        return np.array([recall_at_k(r, k, average=False) for r in self.ranks[history]])


def figures(ranks, is_tail):
    """Each metric of the ranks of one fit, shape (n_rows,)."""
    values = (
        recall_at_k(ranks, 10),
        recall_at_k(ranks, 20),
        ndcg_at_k(ranks, 10),
        ndcg_at_k(ranks, 20),
        recall_at_k(ranks[is_tail], 20),
    )
    return dict(zip(METRICS, map(float, values), strict=True))


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder; see benchmarks/README.rst"
    )
    parser.add_argument("--embeddings", help="file in the folder (default: the first embeddings_*)")
    parser.add_argument(
        "--features",
        default="random,pca,whitening,ace",
        help="rows of the table; ace searches alpha, ace@10 takes lambda = 10 as in the paper",
    )
    parser.add_argument("--model", default="sasrec", choices=["sasrec"])
    parser.add_argument("--alphas", default="0,0.1,0.3,1,3,10", help="grid for ace (relative)")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of a fit")
    parser.add_argument("--exclude-seen", choices=["off", "on", "both"], default="both")
    parser.add_argument("--cold-items", choices=["excluded", "negatives"], default="excluded")
    parser.add_argument("--long-sequences", choices=["overlap", "truncate"], default="overlap")
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    parser.add_argument("--width", type=int, default=128, help="of all models")
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read_data(folder, embeddings):
    """Interactions with the catalog of a folder."""
    items = pq.read_table(folder / "items.parquet")
    path = folder / embeddings if embeddings else min(folder.glob("embeddings_*.npy"))
    vectors = np.load(path).astype(np.float32)
    catalog = Catalog(items["item_id"].to_numpy(), vectors, provenance={"file": path.name})
    return Interactions.from_frame(pq.read_table(folder / "interactions.parquet"), catalog=catalog)


def draw_users(X, n_users):
    """Rows of some users over the whole catalog, as a log of their own."""
    chosen = np.random.default_rng(0).permutation(np.unique(X.users))[:n_users]
    X = X[np.isin(X.users, chosen)]
    return Interactions(X.users, X.items, X.timestamps, catalog=X.catalog)


def build_model(arguments):
    table = TrainableTable(cold_items=arguments.cold_items)
    return SASRecEstimator(
        max_epochs=arguments.epochs,
        max_length=arguments.max_length,
        long_sequences=arguments.long_sequences,
        item_table=table,
        device=arguments.device,
        verbose=True,
    )


def build_transformer(features, width):
    """ACETransformer for a kind of features; all give entries of standard deviation .1."""
    kind, _, ridge = features.partition("@")
    if ridge:
        return ACETransformer(width, alpha=float(ridge), alpha_mode="absolute")
    return {
        "pca": ACETransformer(width, alpha=np.inf, center=True),
        "whitening": ACETransformer(width, alpha=0),
        "ace": ACETransformer(width),
    }[kind]


def search_alpha(pipeline, alphas, train):
    """Alpha of the best NDCG@10 on each user's last training row."""
    search = GridSearchCV(
        pipeline.set_params(rec__random_state=0),
        {"ace__alpha": alphas},
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=10),
        refit=False,
    )
    search.fit(train)
    table = {
        str(alpha): float(score)
        for alpha, score in zip(alphas, search.cv_results_["mean_test_score"], strict=True)
    }
    logging.info("validation NDCG@10 by alpha: %s", table)
    return search.best_params_["ace__alpha"], table


def fit_row(row, estimator, train, test, seeds):
    """Fit once per seed and rank the test rows, with and without the history."""
    for seed in seeds:
        estimator = clone(estimator)
        model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        model.set_params(random_state=seed)
        begin = time.perf_counter()
        estimator.fit(train)
        row.seconds.append(time.perf_counter() - begin)
        row.epochs.append(model.n_iter_)
        row.ranks["kept"].append(model.target_ranks(test))
        row.ranks["masked"].append(model.target_ranks(test, exclude_seen=True))
    tail = popularity_groups(model.item_counts_, head=0.2)["tail"]
    row.is_tail = np.isin(test.items, model.item_ids_[tail])


def as_records(rows, history):
    """Dicts of the finished rows, each with its interval against the first one."""
    records = []
    for row in rows:
        record = {
            "features": row.features,
            "alpha": row.alpha,
            **row.figures(history),
            "epochs": float(np.mean(row.epochs)),
            "seconds": float(np.mean(row.seconds)),
        }
        if row is not rows[0]:
            record["R@20 against first"] = compare(row, rows[0], history)
        records.append(record)
    return records


def compare(row, other, history):
    """Paired difference in R@20 with its 95 % interval over test rows."""
    result = paired_bootstrap(row.hits(history), other.hits(history), random_state=0)
    return {
        "difference": result.difference,
        "low": result.low,
        "high": result.high,
        "by_seed": list(result.by_seed),
    }


def print_table(records, title):
    print(f"\n{title}")
    print(f"{'features':<10} {'alpha':>6} " + " ".join(f"{m:>9}" for m in METRICS), end=" ")
    print(f"{'epochs':>6} {'seconds':>7}  R@20 against first, 95 %")
    for record in records:
        alpha = "" if record["alpha"] is None else f"{record['alpha']:g}"
        print(f"{record['features']:<10} {alpha:>6}", end=" ")
        print(" ".join(f"{record[m]:>9.4f}" for m in METRICS), end=" ")
        print(f"{record['epochs']:>6.1f} {record['seconds']:>7.0f}", end="  ")
        versus = record.get("R@20 against first")
        print(f"{versus['low']:+.4f} .. {versus['high']:+.4f}" if versus else "")


def peak_memory():
    """Most memory that this process ever took, in GiB."""
    status = Path("/proc/self/status")
    if status.exists():  # a child starts with its parent's ru_maxrss, but not with its VmHWM
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    # macOS counts in bytes, others in KiB.
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def describe_machine():
    """What the figures depend on besides data and code."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.is_available(),
        "versions": {
            "skace": skace.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }


def describe_run(arguments, validation):
    """What someone needs to repeat the run."""
    return {
        "arguments": {name: str(value) for name, value in vars(arguments).items()},
        "validation NDCG@10 by alpha": validation,
        "protocol": "leave-one-out, full ranking, test = last event of each user",
        "peak memory GiB": peak_memory(),
        **describe_machine(),
    }


def store(folder, name, run, tables):
    """Write the tables as JSON and CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**run, "tables": tables}, indent=1))
    columns = ["features", "alpha", *METRICS, "epochs", "seconds"]
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["history", *columns, "low", "high"])
        for history, records in tables.items():
            for record in records:
                versus = record.get("R@20 against first", {})
                values = [record[column] for column in columns]
                writer.writerow([history, *values, versus.get("low"), versus.get("high")])


def main(words=None):
    """Run all rows; print and store the tables."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    X = read_data(arguments.data, arguments.embeddings)
    if arguments.users:
        X = draw_users(X, arguments.users)
    train, test = leave_last_out(X)
    logging.info("train %r, test %r", train, test)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    histories = {"off": ["kept"], "on": ["masked"], "both": ["kept", "masked"]}
    rows, validation, tables = [], {}, {}
    for features in arguments.features.split(","):
        logging.info("features: %s", features)
        row, model, row_train = Row(features), build_model(arguments), train
        if features == "random":
            estimator = model.set_params(embedding_dim=arguments.width)
            row_train = train.with_features(None)
        else:
            estimator = Pipeline(
                [("ace", build_transformer(features, arguments.width)), ("rec", model)]
            )
        if features == "ace":
            alphas = [float(alpha) for alpha in arguments.alphas.split(",")]
            row.alpha, validation = search_alpha(estimator, alphas, train)
            estimator.set_params(ace__alpha=row.alpha)
        fit_row(row, estimator, row_train, test, seeds)
        rows.append(row)
        # After each row, so that a run that is cut short leaves what it has.
        for history in histories[arguments.exclude_seen]:
            tables[history] = as_records(rows, history)
        store(arguments.output, arguments.data.name, describe_run(arguments, validation), tables)
    for history, records in tables.items():
        print_table(records, f"{arguments.data.name}, history {history}, seeds {arguments.seeds}")
    last = rows[-1]
    print()
    for row in rows[:-1]:
        versus = compare(last, row, "kept")
        print(
            f"{last.features} minus {row.features}, R@20: {versus['difference']:+.4f} "
            f"[{versus['low']:+.4f}, {versus['high']:+.4f}], by seed "
            + ", ".join(f"{d:+.4f}" for d in versus["by_seed"])
        )
    print(f"peak memory {peak_memory():.2f} GiB")


if __name__ == "__main__":
    main()
