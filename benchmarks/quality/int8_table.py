"""What a table of int8 takes of recall.

Fits SASRec on ACE's vectors, exports it with tables of float32 and of int8, for numpy and as ONNX
graphs, and ranks each user's last event by all four files, history allowed and excluded. See
``python benchmarks/quality/int8_table.py --help``.
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
from skace.export import NumpyModel, OnnxModel, export_numpy, export_onnx
from skace.losses import SampledSoftmax
from skace.metrics import ndcg_at_k, recall_at_k
from skace.model_selection import leave_last_out

TABLES = ("float32", "int8")
FORMS = {
    "numpy": lambda model, path, table: NumpyModel(export_numpy(model, path, item_table=table)),
    "onnx": lambda model, path, table: OnnxModel(
        export_onnx(model, path, answer="scores", item_table=table)
    ),
}
ENDINGS = {"numpy": ".npz", "onnx": ".onnx"}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several")
    parser.add_argument("--forms", nargs="+", choices=sorted(FORMS), default=["numpy", "onnx"])
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
    """Ranks of each row's own item, from 0, ties counted half: history allowed and excluded."""
    places = {item: place for place, item in enumerate(model.item_ids.tolist())}
    items = rows.catalog.item_ids[rows._log.items]
    ranks = np.empty((2, len(rows)))
    for number, (begin, end) in enumerate(zip(rows._starts, rows._ends, strict=True)):
        history = items[begin:end].tolist()
        scores, target = model.scores(history), places[items[end]]
        ranks[0, number] = rank(scores, target)
        seen = [places[item] for item in set(history) if item in places]
        scores[[place for place in seen if place != target]] = -np.inf
        ranks[1, number] = rank(scores, target)
    return dict(zip(("kept", "masked"), ranks, strict=True))


def rank(scores, target):
    """Place of one item among all."""
    own = scores[target]
    return (scores > own).sum() + ((scores == own).sum() - 1) / 2


def measure(model, rows, folder, form):
    """Figures and bytes of a kind of file with each kind of table."""
    found = {}
    for table in TABLES:
        path = folder / f"{form}-{table}{ENDINGS[form]}"
        ranks = target_ranks(FORMS[form](model, path, table), rows)
        found[table] = {
            history: {"recall@20": recall_at_k(own, 20), "ndcg@10": ndcg_at_k(own, 10)}
            for history, own in ranks.items()
        } | {"bytes": path.stat().st_size}
    for history in ("kept", "masked"):
        exact, rounded = (found[table][history]["recall@20"] for table in TABLES)
        found[f"change, {history}"] = rounded / exact - 1
    return found


def run(words=None):
    """Print a line per seed and form, and store all."""
    arguments = read_arguments(words)
    train, rows = leave_last_out(read_data(arguments.data, arguments.embeddings))
    ace = ACETransformer(n_components=arguments.n_components).fit(train)
    train, rows = ace.transform(train), rows[: arguments.users]
    found = {form: {} for form in arguments.forms}
    for seed in arguments.seeds:
        model = SASRecEstimator(
            max_epochs=arguments.epochs,
            early_stopping=not arguments.quick,
            loss=SampledSoftmax() if arguments.quick else None,
            random_state=seed,
        ).fit(train)
        for form, by_seed in found.items():
            with tempfile.TemporaryDirectory() as folder:
                by_seed[seed] = measure(model, rows, Path(folder), form)
            print(f"{form}, seed {seed}:", json.dumps(by_seed[seed]), flush=True)
    for form, by_seed in found.items():
        for history in ("kept", "masked"):
            changes = [figures[f"change, {history}"] for figures in by_seed.values()]
            print(
                f"{form}, history {history}: mean relative change of recall@20 "
                f"{np.mean(changes):+.3%} over {len(changes)} seed(s)"
            )
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"int8-{arguments.data.name}.json"
    path.write_text(json.dumps({"found": found, **describe_machine()}, indent=1))
    return found


if __name__ == "__main__":
    run()
