"""Which ``cold_share`` GRAM should have: cold and warm targets of validation rows for each value.

The training rows alone are split as `cold_items` splits a log: a share of the items loses its
events, and each user's last training row is what is looked for. The test rows are not read. One fit
is ranked with each value, items of the history allowed, and SASRec beside it. What was measured is
kept on disk, so that a run that was stopped goes on. See
``python benchmarks/quality/cold_share.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import logging
from functools import partial
from pathlib import Path

import numpy as np
from cells import Cells
from cold_items import split
from compare import fingerprint, read_data
from gram_rows import rows
from lineup import in_words, reseeded
from measuring import describe_machine

from skace import Interactions
from skace.metrics import recall_at_k
from skace.model_selection import leave_last_out


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several embeddings_*")
    parser.add_argument("--cold-shares", default="0,0.05,0.1,0.2,0.3,0.5,1")
    parser.add_argument("--share", type=float, default=0.1, help="of the items, drawn with seed 1")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--width", type=int, default=128, help="of networks")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def without_tests(X):
    """The training rows of a log as a log of their own."""
    train, _ = leave_last_out(X)
    return Interactions(train.users, train.items, train.timestamps, catalog=X.catalog)


def recalls(hits, is_cold):
    """R@20 of cold, warm and all targets."""
    parts = {"cold": hits[is_cold], "warm": hits[~is_cold], "all": hits}
    return {name: float(part.mean()) for name, part in parts.items()}


def fit_and_hit(estimator, train, asked, shares):
    """Which targets are among the best 20, by the share of cold items; "" for what has none."""
    estimator.fit(train)
    model, queries = estimator[-1], estimator[:-1].transform(asked)
    hits = {}
    for share in shares:
        if share:
            model.set_params(cold_share=float(share))
        ranks = model.target_ranks(queries, exclude_seen=False)
        hits[share] = recall_at_k(ranks, 20, average=False)
    return hits


def main(words=None):
    """Fit both models, rank with each value, print and store."""
    arguments = read_arguments(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    X = without_tests(read_data(arguments.data, arguments.embeddings))
    train, asked = split(X, arguments.share, seed=1)  # another draw than that of the test
    is_cold = ~np.isin(asked.items, train.items)
    kinds = {name: str(value) for name, value in vars(arguments).items()}
    place = arguments.output / f"cold_share_{arguments.data.name}"
    cells = Cells(place, {"share": arguments.share, "log": fingerprint(X)})
    found = []
    for seed in map(int, arguments.seeds.split(",")):
        for name in ("SASRec", "GRAM"):
            entry = rows({"embedding_dim": arguments.width})[f"{name}, falling rate"]
            estimator = reseeded(entry.make(train), seed)
            shares = arguments.cold_shares.split(",") if name == "GRAM" else [""]
            label = {"estimator": in_words(estimator), "shares": shares}
            compute = partial(fit_and_hit, estimator, train, asked, shares)
            hits = cells.fit(name, seed, label, compute)
            for share in shares:
                told = {"model": name, "seed": seed, "cold_share": float(share) if share else None}
                found.append(told | recalls(hits[share], is_cold))
                logging.info("%s", found[-1])
    record = {**describe_machine(), "arguments": kinds, "R@20": found}
    record |= {"cold targets": int(is_cold.sum()), "targets": is_cold.size}
    place.with_suffix(".json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
