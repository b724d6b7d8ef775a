"""What each part of ItemKNNEstimator adds: its defaults, with one change at a time.

Ranks each user's last event before the test, so that what is chosen here has not seen the test;
``--test`` ranks the test rows with the defaults alone. See
``python benchmarks/quality/item_knn.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import time
from pathlib import Path

import numpy as np
from compare import read_data
from measuring import describe_machine

from skace import Interactions
from skace.metrics import ndcg_at_k, recall_at_k
from skace.model_selection import leave_last_out
from skace.recommenders import ItemKNNEstimator

CHANGES = [
    {},
    {"text_weight": 0.0},
    {"cooccurrence_weight": 0.0},
    {"text_weight": 0.02},
    {"text_weight": 0.1},
    {"center": False},
    {"n_neighbors": 20},
    {"n_neighbors": 300},
    {"window": 1},
    {"window": 3},
    {"window": 30},
    {"train_decay": 3.0},
    {"train_decay": None},
    {"reverse_weight": 0.0},
    {"reverse_weight": 1.0},
    {"item_power": 0.0},
    {"item_power": 1.0},
    {"shrinkage": 0.0},
    {"shrinkage": 3.0},
    {"shrinkage": 30.0},
    {"user_power": 0.0},
    {"user_power": 1.0},
    {"idf": False},
    {"history_decay": 1.0},
    {"history_decay": 4.0},
    {"history_decay": None},
]


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--embeddings", help="file in the folders, if they have several")
    parser.add_argument("--rows", type=int, default=5000, help="as many validation rows, drawn")
    parser.add_argument("--by-time", type=float, help="a history decay in the unit of the times")
    parser.add_argument("--test", action="store_true", help="the defaults on all test rows")
    parser.add_argument("--shuffle-ties", type=int, help="seed of another order of equal times")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def shuffled(X, seed):
    """The log with another order of the events of a user that have the same time."""
    order = np.random.default_rng(seed).permutation(len(X))
    return Interactions(X.users[order], X.items[order], X.timestamps[order], catalog=X.catalog)


def split(X, arguments):
    """Rows to learn from and rows to rank."""
    train, rows = leave_last_out(X)
    if arguments.test:
        return train, rows
    train, rows = leave_last_out(train)
    drawn = np.random.default_rng(0).permutation(len(rows))[: arguments.rows]
    return train, rows[np.sort(drawn)]


def measure(change, train, rows):
    """Figures with the history excluded, and CPU seconds of fit and ranks."""
    begin = time.process_time()
    model = ItemKNNEstimator(**change, exclude_seen=True).fit(train)
    fitted = time.process_time()
    ranks = model.target_ranks(rows)
    return {
        "change": change,
        "R@10": recall_at_k(ranks, 10),
        "R@20": recall_at_k(ranks, 20),
        "N@10": ndcg_at_k(ranks, 10),
        "CPU seconds": [fitted - begin, time.process_time() - fitted],
    }


def main(words=None):
    """Measure every change on every folder; print and store the tables."""
    arguments = read_arguments(words)
    changes = CHANGES[:1] if arguments.test else list(CHANGES)
    if arguments.by_time:
        changes.append({"history_decay": arguments.by_time, "decay_by": "time"})
    for folder in arguments.data:
        X = read_data(folder, arguments.embeddings)
        if arguments.shuffle_ties is not None:
            X = shuffled(X, arguments.shuffle_ties)
        train, rows = split(X, arguments)
        records = []
        kind = "test" if arguments.test else "validation"
        print(f"\n{folder.name}, {len(rows)} {kind} rows, history excluded")
        print("R@10   R@20   N@10   change")
        for change in changes:
            records.append(record := measure(change, train, rows))
            figures = "  ".join(f"{record[name]:.4f}" for name in ("R@10", "R@20", "N@10"))
            print(f"{figures}  {change}", flush=True)
        arguments.output.mkdir(parents=True, exist_ok=True)
        path = arguments.output / f"item_knn_{folder.name}.json"
        path.write_text(json.dumps({**describe_machine(), "changes": records}, indent=1))


if __name__ == "__main__":
    main()
