"""What a table of int8 takes of recall.

Fits SASRec on ACE's vectors, exports it with tables of float32 and of int8, and ranks each user's
last event by both files. See ``python benchmarks/quality/int8_table.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from compare import read_data
from measuring import describe_machine

from skace import ACETransformer, SASRecEstimator
from skace.export import NumpyModel, export_numpy
from skace.losses import SampledSoftmax
from skace.metrics import ndcg_at_k, recall_at_k
from skace.model_selection import leave_last_out

TABLES = ("float32", "int8")


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--n-components", type=int, default=128)
    parser.add_argument(
        "--quick", action="store_true", help="sampled negatives, and all epochs without a look"
    )
    parser.add_argument("--users", type=int, help="ask for so many of the test rows only")
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def target_ranks(model, rows):
    """Rank of each row's own item, from 0, ties counted half."""
    places = {item: place for place, item in enumerate(model.item_ids.tolist())}
    items = rows.catalog.item_ids[rows._log.items]
    ranks = np.empty(len(rows))
    for number, (begin, end) in enumerate(zip(rows._starts, rows._ends, strict=True)):
        scores = model.scores(items[begin:end].tolist())
        own = scores[places[items[end]]]
        ranks[number] = (scores > own).sum() + ((scores == own).sum() - 1) / 2
    return ranks


def measure(model, rows, folder):
    """Figures and bytes of the file for each kind of table."""
    found = {}
    for table in TABLES:
        path = export_numpy(model, folder / f"{table}.npz", item_table=table)
        ranks = target_ranks(NumpyModel(path), rows)
        found[table] = {
            "recall@20": recall_at_k(ranks, 20),
            "ndcg@10": ndcg_at_k(ranks, 10),
            "bytes": path.stat().st_size,
        }
    exact, rounded = (found[table]["recall@20"] for table in TABLES)
    found["recall@20, relative change"] = rounded / exact - 1
    return found


def run(words=None):
    """Print a line per seed and store all."""
    arguments = read_arguments(words)
    train, rows = leave_last_out(read_data(arguments.data, arguments.embeddings))
    ace = ACETransformer(n_components=arguments.n_components).fit(train)
    train, rows = ace.transform(train), rows[: arguments.users]
    found = {}
    for seed in arguments.seeds:
        model = SASRecEstimator(
            max_epochs=arguments.epochs,
            early_stopping=not arguments.quick,
            loss=SampledSoftmax() if arguments.quick else None,
            random_state=seed,
        ).fit(train)
        with tempfile.TemporaryDirectory() as folder:
            found[seed] = measure(model, rows, Path(folder))
        print(f"seed {seed}:", json.dumps(found[seed]), flush=True)
    changes = [figures["recall@20, relative change"] for figures in found.values()]
    print(f"mean relative change of recall@20: {np.mean(changes):+.3%} over {len(changes)} seed(s)")
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"int8-{arguments.data.name}.json"
    path.write_text(json.dumps({"found": found, **describe_machine()}, indent=1))
    return found


if __name__ == "__main__":
    run()
