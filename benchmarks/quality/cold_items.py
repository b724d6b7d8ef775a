"""How often items that nobody has taken are found: rows of the leaderboard beside each other.

A share of the items is drawn, and their events are taken out of the training rows. Each user's last
event is the test; ranks of the items without a training row, the cold ones, are among all items.
The history may hold cold items: it is what the user did. Every fit is kept on disk. See
``python benchmarks/quality/cold_items.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
from functools import partial
from pathlib import Path

import numpy as np
from cells import Cells
from compare import fingerprint, read_data
from leaderboard import SCORES, fit_once, listed
from lineup import in_words, reseeded, rows, rows_of_file
from measuring import describe_machine

from skace import Interactions
from skace.metrics import paired_bootstrap
from skace.model_selection import leave_last_out


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--methods", type=Path, help="Python file with rows of your own as well")
    parser.add_argument("--rows", required=True, help="names of rows with ; between them")
    parser.add_argument("--share", type=float, default=0.1, help="of the items, drawn with seed 0")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=50, help="most epochs of a network")
    parser.add_argument("--width", type=int, default=128, help="of networks")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def split(X, share, seed=0):
    """Training rows without the drawn items, and all test rows."""
    train, test = leave_last_out(X)
    ids = X.catalog.item_ids
    rng = np.random.default_rng(seed)
    cold = rng.choice(ids, size=max(1, round(share * ids.size)), replace=False)
    kept = ~np.isin(train.items, cold)
    times = None if train.timestamps is None else train.timestamps[kept]
    # A new log: the rows that are left out must not stand in the histories of the others.
    rest = Interactions(train.users[kept], train.items[kept], times, catalog=X.catalog)
    return rest, test


def told(ranks, is_cold):
    """Scores of cold and of warm targets, history allowed, mean over the seeds."""
    return {
        group: {
            name: float(np.mean([score(one["kept"][rows]) for one in ranks]))
            for name, score in SCORES.items()
        }
        for group, rows in (("cold", is_cold), ("warm", ~is_cold))
    }


def lead(ranks, others, is_cold):
    """Paired difference in R@20 of cold targets, each averaged over the seeds."""
    hits = (
        np.mean([SCORES["R@20"](one["kept"][is_cold]) for one in fits], axis=0)
        for fits in (ranks, others)
    )
    found = paired_bootstrap(*hits, random_state=0)
    return {"difference": found.difference, "low": found.low, "high": found.high}


def main(words=None):
    """Fit, rank, print and store."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = {"embedding_dim": arguments.width, "max_epochs": arguments.epochs}
    known = rows(settings)
    if arguments.methods:
        known |= rows_of_file(arguments.methods, settings)
    X = read_data(arguments.data, arguments.embeddings)
    train, test = split(X, arguments.share)
    is_cold = ~np.isin(test.items, train.items)
    kinds = {name: str(value) for name, value in vars(arguments).items()}
    free = {"rows", "seeds", "methods", "output", "data"}
    fixed = {name: value for name, value in kinds.items() if name not in free}
    place = arguments.output / f"cold_items_{arguments.data.name}"
    cells = Cells(place, fixed | {"log": fingerprint(X)})
    ranks = {}
    for name in listed(arguments.rows):
        for seed in map(int, arguments.seeds.split(",")):
            estimator = reseeded(known[name].make(train), seed)
            logging.info("%s, seed %d", name, seed)
            compute = partial(fit_once, estimator, train, test)
            found = cells.fit(name, seed, {"estimator": in_words(estimator)}, compute)
            ranks.setdefault(name, []).append(found)
    first = next(iter(ranks))
    record = {**describe_machine(), "arguments": kinds, "cold targets": int(is_cold.sum())}
    record |= {"test rows": len(test), "events": len(train), "rows": {}}
    for name, fits in ranks.items():
        record["rows"][name] = told(fits, is_cold)
        if name != first:
            record["rows"][name]["lead over the first"] = lead(fits, ranks[first], is_cold)
    (place.with_suffix(".json")).write_text(json.dumps(record, indent=1))
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
