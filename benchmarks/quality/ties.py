"""What the order of tied events does to figures: as the file has it, and shuffled.

Counts ties, asks whether they stand in the order of a key, and ranks each user's last event by
EASE, with and without a rule that knows nothing but the key: items below the last one are demoted.
See ``python benchmarks/quality/ties.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import polars as pl

import skace
from skace import Catalog, EASEEstimator, Interactions
from skace.exceptions import TiedTargetsWarning
from skace.inspection import TiesDisplay
from skace.metrics import ndcg_at_k, paired_bootstrap, recall_at_k
from skace.model_selection import leave_last_out

WEIGHTS = (0.0, 0.25, 0.5, 1.0)  # share of their score that items below the last one lose
BLOCK = 512  # rows ranked at once


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--key", default="source_id", help="column of items.parquet")
    parser.add_argument("--orders", type=int, default=3, help="times that ties are shuffled")
    parser.add_argument("--rows", type=int, help="users that are ranked, drawn with seed 0 (all)")
    parser.add_argument("--regularization", type=float, default=200.0, help="of EASE")
    parser.add_argument("--decay", type=float, default=2.0, help="history_decay of EASE")
    parser.add_argument("--neighbors", type=int, help="solve EASE locally, with so many")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read(folder, column):
    """Log of a folder, and the warnings that it leads to, by item id alone and with the key."""
    items = pl.read_parquet(folder / "items.parquet")
    catalog = Catalog(items["item_id"].to_numpy())
    log = pl.read_parquet(folder / "interactions.parquet")
    logs = {
        "item id": Interactions.from_frame(log, catalog=catalog),
        column: Interactions.from_frame(log, catalog=catalog, tie_key=items[column]),
    }
    return (
        logs[column],
        items[column].to_numpy().astype(str),
        dict(zip(logs, map(told, logs.values()), strict=True)),
    )


def told(X):
    """Texts of the warnings of a log."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        leave_last_out(X)
    return [str(w.message) for w in caught if issubclass(w.category, TiedTargetsWarning)]


def some(X, n_rows):
    """Some of the rows, in their order; all for None."""
    drawn = np.random.default_rng(0).permutation(len(X))[:n_rows]
    return X[np.sort(drawn)]


def ranks_by_weight(model, key, X):
    """Ranks of the targets for each weight of the rule, shape (n_weights, n_rows).

    The history is masked, and tied scores count half.
    """
    columns = np.searchsorted(model.item_ids_, X.items)
    last = key[X._log.items[X._ends - 1]]  # each of these rows has a past
    ranks = np.empty((len(WEIGHTS), len(X)))
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        scores = model.decision_function(X[rows])
        is_below = key < last[rows, None]
        for number, weight in enumerate(WEIGHTS):
            ruled = (
                np.where(is_below, scores - weight * np.abs(scores), scores) if weight else scores
            )
            own = np.take_along_axis(ruled, columns[rows, None], axis=1)
            n_better, n_equal = (ruled > own).sum(axis=1), (ruled == own).sum(axis=1)
            ranks[number, rows] = n_better + (n_equal - 1) / 2
        ranks[:, rows][:, np.isneginf(own[:, 0])] = np.inf
    return ranks


def measure(X, key, arguments):
    """Row scores of one order, without and with the rule.

    The model has learned neither of each user's last two events; the rule's weight is chosen on
    the first of them.
    """
    train, test = leave_last_out(X)
    rows, validation = leave_last_out(train)
    how = {"solver": "local", "n_neighbors": arguments.neighbors} if arguments.neighbors else {}
    model = EASEEstimator(
        regularization=arguments.regularization, history_decay=arguments.decay,
        exclude_seen=True, **how,
    ).fit(rows)  # fmt: skip
    validation, test = some(validation, arguments.rows), some(test, arguments.rows)
    codes = np.unique(key, return_inverse=True)[1]
    validated = ndcg_at_k(ranks_by_weight(model, codes, validation).ravel(), 10, average=False)
    best = int(validated.reshape(len(WEIGHTS), -1).mean(axis=1).argmax())
    ranks = ranks_by_weight(model, codes, test)
    times, ends = test._log.timestamps, test._ends
    logging.info("weight %s", WEIGHTS[best])
    return {
        "N@10": ndcg_at_k(ranks[0], 10, average=False),
        "R@10": recall_at_k(ranks[0], 10, average=False),
        "ruled": ndcg_at_k(ranks[best], 10, average=False),
        "tied": times[ends] == times[ends - 1],
        "weight": WEIGHTS[best],
    }


def summary(measured):
    """Means over the orders, and the gain of the rule with its interval over users."""
    stacked = {name: np.array([one[name] for one in measured]) for name in measured[0]}
    is_tied = stacked["tied"]
    gain = paired_bootstrap(stacked["ruled"], stacked["N@10"], random_state=0)
    return {
        "users": int(is_tied.shape[1]),
        "R@10": float(stacked["R@10"].mean()),
        "N@10": float(stacked["N@10"].mean()),
        "N@10 tied": float(stacked["N@10"][is_tied].mean()),
        "N@10 untied": float(stacked["N@10"][~is_tied].mean()),
        "by order": {
            name: stacked[name].mean(axis=1).round(4).tolist() for name in ("R@10", "N@10")
        },
        "weights": stacked["weight"].tolist(),
        "gain": gain.difference,
        "low": gain.low,
        "high": gain.high,
        "standard error": gain.standard_error,
    }


def print_tables(record):
    print(f"\n{record['data']}: tied {record['shares']}")
    for name, order in record["orders"].items():
        shown = "  ".join(f"{kind} {value:.3f}" for kind, value in order.items())
        print(f"  by {name:<10} {shown}")
    for name, texts in record["warnings"].items():
        print(f"  told with {name}: {' '.join(texts) or 'nothing'}")
    print("order     R@10   N@10   tied   untied | gain of the rule, 95 %")
    for name, row in record["figures"].items():
        columns = ("R@10", "N@10", "N@10 tied", "N@10 untied")
        print(
            f"{name:<9}", " ".join(f"{row[column]:.4f}" for column in columns),
            f"| {row['gain']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})",
            f" weights {row['weights']}, by order {row['by order']}",
        )  # fmt: skip


def main(words=None):
    """Count, fit and rank in every order; print and store the tables."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for folder in arguments.data:
        X, key, texts = read(folder, arguments.key)
        display = TiesDisplay.from_interactions(X)
        record = {
            "data": folder.name,
            "settings": {name: str(value) for name, value in vars(arguments).items()},
            "version": skace.__version__,
            "shares": display.shares,
            "orders": display.orders,
            "warnings": texts,
            "figures": {"file": summary([measure(X, key, arguments)])},
        }
        shuffled = [X.reorder_ties("shuffle", random_state=n) for n in range(arguments.orders)]
        record["figures"]["shuffled"] = summary([measure(one, key, arguments) for one in shuffled])
        print_tables(record)
        arguments.output.mkdir(parents=True, exist_ok=True)
        path = arguments.output / f"ties_{folder.name}.json"
        path.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
