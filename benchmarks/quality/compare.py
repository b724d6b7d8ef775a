"""Compare ways in which item vectors enter a sequential recommender: ACE and its rivals.

Leave-one-out with full ranking: each user's last event is the test, the one before it stops the
training. Parameters are chosen by GridSearchCV, on events before the test only. See
``python benchmarks/quality/compare.py --help`` and benchmarks/README.rst.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import ast
import csv
import json
import logging
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet as pq
from cells import Cells
from holm import holm
from lineup import grid_for, in_words, reseeded, rows_of_file
from measuring import describe_machine, peak_memory
from methods import BACKBONES, CLOSED_FORMS, NETWORK, build
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from stored_tables import both
from tables import SUFFIXES

from skace import Catalog, Interactions, LeaveLastOut, ndcg_scorer
from skace.item_tables import IDTable
from skace.metrics import (
    ndcg_at_k,
    paired_bootstrap,
    popularity_groups,
    randomization_test,
    recall_at_k,
)
from skace.model_selection import leave_last_out

METRICS = ("R@10", "R@20", "N@10", "N@20", "tail R@20")


@dataclass
class Row:
    """One line of the table: a kind of features, fitted once per seed."""

    features: str
    chosen: dict = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ranks: dict[str, list[np.ndarray]] = field(default_factory=lambda: {"kept": [], "masked": []})
    is_tail: np.ndarray | None = None
    is_own: bool = False  # of a file of the user's
    ended: bool = False  # a fit at its last epoch

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


def read_arguments(words_typed):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder; see benchmarks/README.rst"
    )
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument(
        "--features",
        default="random,pca,whitening,ace",
        help="rows of the table, names of methods.py; ace searches alpha, ace@10 takes lambda = 10 "
        "as in the paper; empty for none",
    )
    words = "Python file with rows of your own (see lineup.py), after those of --features"
    parser.add_argument("--methods", type=Path, help=words)
    parser.add_argument("--model", default="sasrec", choices=sorted(BACKBONES | CLOSED_FORMS))
    parser.add_argument("--alphas", default="0,0.1,0.3,1,3,10", help="grid for ace (relative)")
    parser.add_argument("--no-search", action="store_true", help="defaults instead of grids")
    parser.add_argument("--against", help="row that the others are tested against (the last)")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of a fit")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better score")
    parser.add_argument("--exclude-seen", choices=["off", "on", "both"], default="both")
    parser.add_argument("--cold-items", choices=["excluded", "negatives"], default="excluded")
    parser.add_argument("--long-sequences", choices=["overlap", "truncate"], default="overlap")
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="of the networks")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=named_value,
        metavar="NAME=VALUE",
        help="one more parameter of the networks, as positions=relative or dropout=0.2",
    )
    parser.add_argument("--width", type=int, default=128, help="of all models")
    parser.add_argument("--max-length", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=256, help="windows per update")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of the networks")
    words = "of tables that are printed, and written beside the JSON"
    parser.add_argument("--format", choices=sorted(SUFFIXES), help=words)
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words_typed)


def named_value(text):
    """Name and value of ``name=value``; what is no number, None or truth value is a word."""
    name, is_named, value = text.partition("=")
    if not is_named:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def read_data(folder, embeddings=None):
    """Interactions with the catalog of a folder; ``embeddings`` names one file of several."""
    items = pq.read_table(folder / "items.parquet")
    path = folder / embeddings if embeddings else only_vectors(folder)
    vectors = np.load(path).astype(np.float32)
    catalog = Catalog(items["item_id"].to_numpy(), vectors, provenance={"file": path.name})
    return read_log(folder, catalog)


def only_vectors(folder):
    """The one file of vectors: which of several is meant nobody could tell from a table."""
    found = sorted(path.name for path in folder.glob("embeddings_*.npy"))
    if len(found) != 1:
        raise SystemExit(
            f"{folder} holds {len(found)} files embeddings_*.npy ({', '.join(found)}), not one; "
            "name the file to read with --embeddings."
        )
    return folder / found[0]


def read_log(folder, catalog=None):
    """Interactions of a folder."""
    return Interactions.from_frame(pq.read_table(folder / "interactions.parquet"), catalog=catalog)


def fingerprint(X):
    """Hash of events and vectors, which tells folders of the same name apart."""
    return joblib.hash([X.users, X.items, X.timestamps, X.catalog.item_ids, X.catalog.features])


def draw_users(X, n_users):
    """Rows of some users over the whole catalog, as a log of their own."""
    chosen = np.random.default_rng(0).permutation(np.unique(X.users))[:n_users]
    X = X[np.isin(X.users, chosen)]
    return Interactions(X.users, X.items, X.timestamps, catalog=X.catalog)


def parameters_of(arguments):
    """Parameters of every network."""
    return {
        "embedding_dim": arguments.width,
        "max_epochs": arguments.epochs,
        "n_iter_no_change": arguments.patience,
        "max_length": arguments.max_length,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "long_sequences": arguments.long_sequences,
        "device": arguments.device,
        "precision": arguments.precision,
        "verbose": True,
        **dict(arguments.set),
    }


def build_row(arguments, features, train):
    """Unfitted pipeline of a row, its grid, and the rows that it learns from."""
    alphas = [float(alpha) for alpha in arguments.alphas.split(",")]
    parameters = parameters_of(arguments)
    pipeline, grid, method = build(features, arguments.model, alphas, **parameters)
    if arguments.model in BACKBONES:
        network = NETWORK.get(method.backbone or arguments.model, "rec__")
        pipeline.set_params(**{f"{network}item_table__cold_items": arguments.cold_items})
    if method.is_aligned:
        ids = BACKBONES[arguments.model](**parameters, item_table=IDTable(), random_state=0)
        pipeline.set_params(rec__item_table__reference=ids)
    return pipeline, grid, train if method.reads_features else train.with_features(None)


def all_rows(arguments, train):
    """Each row, and what makes its pipeline, its grid and the rows that it learns from."""
    names = [] if arguments.features == "" else arguments.features.split(",")
    rows = [(Row(name), partial(build_row, arguments, name, train)) for name in names]
    if arguments.methods:
        own = rows_of_file(arguments.methods, parameters_of(arguments))
        rows += [
            (Row(name, is_own=True), partial(build_own_row, entry, train))
            for name, entry in own.items()
        ]
    names = [row.features for row, _ in rows]
    if not names:
        raise SystemExit("no row to measure; name some with --features or --methods.")
    if any("/" in name for name in names):
        raise SystemExit(f"names of rows are names of files, so without '/': {', '.join(names)}.")
    if len(set(names)) < len(names):
        raise SystemExit(f"two rows have one name: {', '.join(names)}; rename yours.")
    if arguments.against and arguments.against not in names:
        raise SystemExit(f"--against {arguments.against} is no row; there are {', '.join(names)}.")
    return rows


def build_own_row(entry, train):
    """Unfitted pipeline of a row of one's own, and its grid."""
    estimator = entry.make(train)
    if not isinstance(estimator, Pipeline):
        estimator = Pipeline([("rec", estimator)])
    return reseeded(estimator, 0), grid_for(estimator, entry.grid), train


def seeded(pipeline, seed):
    """The pipeline with a seed, where it draws anything."""
    draws = {"rec__random_state", "rec__estimator__random_state"} & set(pipeline.get_params())
    return pipeline.set_params(**dict.fromkeys(draws, seed))


def search(pipeline, grid, train):
    """The best parameters by NDCG@10 on each user's last training row, and all scores."""
    search = GridSearchCV(
        seeded(pipeline, 0),
        grid,
        cv=LeaveLastOut(),
        scoring=ndcg_scorer(k=10),
        refit=False,
    ).fit(train)
    scores = search.cv_results_["mean_test_score"]
    names = [", ".join(map(str, p.values())) for p in search.cv_results_["params"]]
    table = dict(zip(names, map(float, scores), strict=True))
    logging.info("validation NDCG@10 of %s: %s", list(grid), table)
    return {"best": search.best_params_, "scores": table}


def fit_row(row, estimator, train, test, seeds, cells):
    """Fit once per seed and rank the test rows, with and without the history."""
    for seed in seeds:
        # Whatever draws in a row of one's own, as its steps and members are not known here.
        unfitted = reseeded(estimator, seed) if row.is_own else estimator
        compute = partial(fit_once, unfitted, seed, train, test)
        # A row of one's own, or what one is aligned with, may have changed under its name.
        is_told = row.is_own or "rec__item_table__reference" in unfitted.get_params()
        label = {"estimator": in_words(unfitted), **row.chosen} if is_told else row.chosen
        found = cells.fit(row.features, seed, label, compute)
        row.ended |= ended(unfitted[-1], int(found["epochs"]))
        row.seconds.append(float(found["seconds"]))
        row.epochs.append(int(found["epochs"]))
        row.ranks["kept"].append(found["kept"])
        row.ranks["masked"].append(found["masked"])
        row.is_tail = found["is_tail"]


def ended(model, n_epochs):
    """Whether a fit that could have stopped early ran to its last epoch, and might go on."""
    stops = getattr(model, "early_stopping", False)
    falls = getattr(model, "learning_rate_schedule", "constant") == "linear"
    return stops and not falls and n_epochs >= model.max_epochs


def fit_once(estimator, seed, train, test):
    """Ranks of the test rows, with and without the history, and the cost of the fit."""
    estimator = seeded(clone(estimator), seed)
    model = estimator[-1]
    begin = time.perf_counter()
    estimator.fit(train)
    seconds = time.perf_counter() - begin
    tail = model.item_ids_[popularity_groups(model.item_counts_, head=0.2)["tail"]]
    return {
        "seconds": seconds,
        "epochs": getattr(model, "n_iter_", 1),
        "kept": model.target_ranks(test, exclude_seen=False).astype(np.float32),
        "masked": model.target_ranks(test, exclude_seen=True).astype(np.float32),
        "is_tail": np.isin(test.items, tail),
    }


def as_records(rows, history):
    """Dicts of the finished rows, each with its interval against the first one."""
    records = []
    for row in rows:
        record = {
            "features": row.features,
            "chosen": row.chosen,
            **row.figures(history),
            "epochs": float(np.mean(row.epochs)),
            "ended at last epoch": row.ended,
            "seconds": float(np.mean(row.seconds)),
            "R@20 by seed": [recall_at_k(ranks, 20) for ranks in row.ranks[history]],
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
    print(f"{'features':<10} {'chosen':>10} " + " ".join(f"{m:>9}" for m in METRICS), end=" ")
    print(f"{'epochs':>6} {'seconds':>7}  R@20 against first, 95 %")
    for record in records:
        chosen = ", ".join(map(str, record["chosen"].values()))
        print(f"{record['features']:<10} {chosen:>10}", end=" ")
        print(" ".join(f"{record[m]:>9.4f}" for m in METRICS), end=" ")
        print(f"{record['epochs']:>6.1f} {record['seconds']:>7.0f}", end="  ")
        versus = record.get("R@20 against first")
        print(f"{versus['low']:+.4f} .. {versus['high']:+.4f}" if versus else "")


def paired_tests(rows, against):
    """Differences in R@20, history kept, between one row and each other, over the test rows."""
    names = [row.features for row in rows]
    chosen = rows[names.index(against) if against else -1]
    tests = []
    for row in rows:
        if row is chosen:
            continue
        p_value = randomization_test(chosen.hits("kept"), row.hits("kept"), random_state=0)
        tests.append(
            {
                "row": chosen.features,
                "minus": row.features,
                **compare(chosen, row, "kept"),
                "p": p_value,
            }
        )
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p Holm"] = float(p)
    return tests


def print_pairs(tests):
    print()
    for test in tests:
        print(
            f"{test['row']} minus {test['minus']}, R@20: {test['difference']:+.4f} "
            f"[{test['low']:+.4f}, {test['high']:+.4f}], p {test['p']:.4f}, by seed "
            + ", ".join(f"{d:+.4f}" for d in test["by_seed"])
        )


def describe_run(arguments, validation):
    """What someone needs to repeat the run."""
    return {
        "arguments": {name: str(value) for name, value in vars(arguments).items()},
        "validation NDCG@10": validation,
        "protocol": "leave-one-out, full ranking, test = last event of each user",
        "peak memory GiB": peak_memory(),
        **describe_machine(),
    }


def store(folder, name, run, tables, pairs=()):
    """Write the tables as JSON and CSV, and the paired tests into the JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    words = json.dumps({**run, "tables": tables, "paired tests": list(pairs)}, indent=1)
    (folder / f"{name}.json").write_text(words)
    columns = ["features", "chosen", *METRICS, "epochs", "seconds"]
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
    name = f"{arguments.data.name}_{arguments.model}"
    cells = Cells(arguments.output / f"{name}_fits", vars(arguments) | {"log": fingerprint(X)})
    for row, build_it in all_rows(arguments, train):
        logging.info("features: %s", row.features)
        estimator, grid, row_train = build_it()
        if grid and not arguments.no_search:
            compute = partial(search, estimator, grid, row_train)
            of = {"estimator": in_words(estimator), "grid": grid} if row.is_own else grid
            found = cells.search(row.features, of, compute)
            row.chosen, validation[row.features] = found["best"], found["scores"]
            estimator.set_params(**row.chosen)
        fit_row(row, estimator, row_train, test, seeds, cells)
        rows.append(row)
        # After each row, so that a run that is cut short leaves what it has.
        for history in histories[arguments.exclude_seen]:
            tables[history] = as_records(rows, history)
        store(arguments.output, name, describe_run(arguments, validation), tables)
    for history, records in tables.items():
        print_table(records, f"{arguments.data.name}, history {history}, seeds {arguments.seeds}")
    pairs = paired_tests(rows, arguments.against)
    print_pairs(pairs)
    run = describe_run(arguments, validation)
    store(arguments.output, name, run, tables, pairs)
    if arguments.format:
        text = both({"tables": tables, "paired tests": pairs}, arguments.format)
        (arguments.output / f"{name}{SUFFIXES[arguments.format]}").write_text(text)
        print(f"\n{text}")
    print(f"peak memory {peak_memory():.2f} GiB")


if __name__ == "__main__":
    main()
