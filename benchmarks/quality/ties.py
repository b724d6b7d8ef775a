"""What the order of tied events does to figures: in file order, reversed, and shuffled.

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
from compare import read_log
from measuring import describe_machine

from skace import Catalog, EASEEstimator, Interactions
from skace.exceptions import TiedTargetsWarning
from skace.inspection import TiesDisplay
from skace.metrics import ndcg_at_k, paired_bootstrap, recall_at_k, target_ranks
from skace.model_selection import leave_last_out

WEIGHTS = (0.0, 0.25, 0.5, 1.0)  # of the rule; 0 is no rule
MOST_EXACT = 5000  # items up to which EASE is solved exactly


class NotBelowTheLast:
    """A fitted model whose scores of items below the last one, by a key, lose a share."""

    def __init__(self, model, key, weight):
        self.model = model
        self.key = np.unique(key, return_inverse=True)[1]
        self.weight = weight
        self.item_ids_ = model.item_ids_

    def decision_function(self, X):
        """Scores of a block of rows."""
        scores = self.model.decision_function(X)
        if self.weight:
            last = self.key[X._log.items[np.maximum(X._ends - 1, 0)]]
            is_below = (self.key < last[:, None]) & (X._ends > X._starts)[:, None]
            scores = scores - self.weight * is_below * np.abs(scores)
        return scores


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--key", default="source_id", help="column of items.parquet")
    parser.add_argument("--orders", type=int, default=3, help="times that ties are shuffled")
    parser.add_argument("--regularization", type=float, default=200.0)
    parser.add_argument("--decay", type=float, default=2.0, help="history_decay of EASE")
    parser.add_argument("--neighbors", type=int, default=50, help="where EASE is solved locally")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def read(folder, column):
    """Log of a folder with a key, the key by catalog row, and the warning that it leads to."""
    items = pl.read_parquet(folder / "items.parquet")
    key = items[column]
    plain = read_log(folder, Catalog(items["item_id"].to_numpy()))
    X = Interactions(plain.users, plain.items, plain.timestamps, catalog=plain.catalog, tie_key=key)
    with warnings.catch_warnings(record=True, action="always") as caught:
        leave_last_out(X)
    texts = [str(w.message) for w in caught if issubclass(w.category, TiedTargetsWarning)]
    return X, key.to_numpy().astype(str), texts


def fit(X, arguments):
    """EASE on some rows."""
    how = {} if X.n_items <= MOST_EXACT else {"solver": "local", "n_neighbors": arguments.neighbors}
    return EASEEstimator(
        regularization=arguments.regularization, history_decay=arguments.decay, **how
    ).fit(X)


def backwards(positions, *_):
    """Key that turns tied events around."""
    return -positions


def measure(X, key, arguments):
    """Row scores of one order: NDCG@10 and Recall@10 of the test, without and with the rule.

    The rule's weight is chosen on each user's last event but one, of 4,000 users at most.
    """
    train, test = leave_last_out(X)
    rows, validation = leave_last_out(train)
    drawn = np.random.default_rng(0).permutation(len(validation))[:4000]
    model = fit(rows, arguments)

    def scores(X, weight):
        ranks = target_ranks(NotBelowTheLast(model, key, weight), X, exclude_seen=True)
        return ndcg_at_k(ranks, 10, average=False), recall_at_k(ranks, 10, average=False)

    by_weight = {w: float(scores(validation[np.sort(drawn)], w)[0].mean()) for w in WEIGHTS}
    weight = max(by_weight, key=by_weight.get)
    (ndcg, recall), (ruled, _) = scores(test, 0.0), scores(test, weight)
    times, ends, starts = test._log.timestamps, test._ends, test._starts
    is_tied = (ends > starts) & (times[ends] == times[np.maximum(ends - 1, 0)])
    logging.info("weight %s of %s", weight, by_weight)
    return {"N@10": ndcg, "R@10": recall, "ruled": ruled, "tied": is_tied, "weight": weight}


def summary(measured):
    """Means over the orders, and the gain of the rule with its interval over users."""
    stacked = {name: np.array([one[name] for one in measured]) for name in measured[0]}
    is_tied = stacked["tied"]
    gain = paired_bootstrap(stacked["ruled"], stacked["N@10"], random_state=0)
    return {
        "orders": len(measured),
        "R@10": float(stacked["R@10"].mean()),
        "N@10": float(stacked["N@10"].mean()),
        "N@10 by order": stacked["N@10"].mean(axis=1).tolist(),
        "N@10 tied": float(stacked["N@10"][is_tied].mean()),
        "N@10 untied": float(stacked["N@10"][~is_tied].mean()),
        "weight": stacked["weight"].tolist(),
        "gain": gain.difference,
        "low": gain.low,
        "high": gain.high,
        "gain by order": list(gain.by_seed),
    }


def print_tables(record):
    print(f"\n{record['data']}: {record['shares']}")
    for name, order in record["orders"].items():
        shown = "  ".join(f"{kind} {value:.3f}" for kind, value in order.items())
        print(f"  by {name:<10} {shown}")
    for text in record["warnings"] or ["no warning"]:
        print(f"  {text}")
    print("order      R@10   N@10   tied   untied | with the rule, N@10  95 %")
    for name, row in record["figures"].items():
        figures = " ".join(
            f"{row[column]:.4f}" for column in ("R@10", "N@10", "N@10 tied", "N@10 untied")
        )
        gain = f"{row['gain']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
        print(f"{name:<10} {figures} | {gain}  weight {row['weight']}")
        if row["orders"] > 1:
            print(f"{'':<10} N@10 {np.round(row['N@10 by order'], 4).tolist()}")


def main(words=None):
    """Count, fit and rank in every order; print and store the tables."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for folder in arguments.data:
        X, key, texts = read(folder, arguments.key)
        display = TiesDisplay.from_interactions(X)
        orders = {
            "file": [X],
            "reversed": [X.reorder_ties(backwards)],
            "shuffled": [
                X.reorder_ties("shuffle", random_state=seed) for seed in range(arguments.orders)
            ],
        }
        figures = {
            name: summary([measure(one, key, arguments) for one in logs])
            for name, logs in orders.items()
        }
        record = {
            "data": folder.name,
            "shares": display.shares,
            "orders": display.orders,
            "warnings": texts,
            "figures": figures,
        }
        print_tables(record)
        arguments.output.mkdir(parents=True, exist_ok=True)
        path = arguments.output / f"ties_{folder.name}.json"
        settings = {name: str(value) for name, value in vars(arguments).items()}
        path.write_text(json.dumps({**describe_machine(), **settings, **record}, indent=1))


if __name__ == "__main__":
    main()
