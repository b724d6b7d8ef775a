"""Milliseconds of one session, by the estimator and by each exported form.

One thread, one session at a time, 12,000 items of a made-up shop. A network is hardly trained: its
speed does not depend on that. See ``python benchmarks/speed/serving.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import tempfile
import time
import warnings
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from skace import GRU4RecEstimator, ItemKNNEstimator, SASRecEstimator
from skace.datasets import make_shop
from skace.export import NumpyModel, OnnxModel, export_numpy, export_onnx

FITTED = {"max_epochs": 1, "early_stopping": False, "random_state": 0}
MODELS = {
    "sasrec": lambda: SASRecEstimator(**FITTED, long_sequences="truncate", batch_size=1024),
    "gru4rec": lambda: GRU4RecEstimator(**FITTED, long_sequences="truncate", batch_size=1024),
    "neighbours": ItemKNNEstimator,
}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["sasrec", "neighbours"])
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--events", type=int, default=15_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--length", type=int, default=20, help="events of a session, on average")
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument(
        "--cpu-time", action="store_true", help="of this process; for busy machines"
    )
    return parser.parse_args(words)


def forms(model, folder, k):
    """Functions of one history, by the name of what answers."""
    found = {"estimator": lambda history: model.recommend([history], k)}
    tables = ["float32", "int8"] if hasattr(model, "encoder_state_") else ["float32"]
    for table in tables:
        served = NumpyModel(export_numpy(model, folder / f"{table}.npz", item_table=table))
        found[f"numpy, {table}"] = lambda history, served=served: served.recommend([history], k)
    if hasattr(model, "encoder_state_") and find_spec("onnxruntime"):
        for opset, table in product((18, 23), tables):
            path = folder / f"{opset}-{table}.onnx"
            graph = OnnxModel(export_onnx(model, path, k=k, opset=opset, item_table=table))
            found[f"onnx, opset {opset}, {table}"] = lambda h, graph=graph: graph.recommend([h])
    return found


def milliseconds(answer, histories, clock):
    """Of each answer, after some that warm up."""
    for history in histories[:20]:
        answer(history)
    spent = []
    for history in histories:
        begin = clock()
        answer(history)
        spent.append(1e3 * (clock() - begin))
    return np.array(spent)


def run(words=None):
    """Print a line for each form of each model."""
    arguments = read_arguments(words)
    warnings.simplefilter("ignore")
    threadpool_limits(1)
    torch.set_num_threads(1)
    n_users = max(1, arguments.events // 10)
    shop = make_shop(
        n_users, arguments.items, arguments.events, n_features=arguments.width, random_state=0
    )
    X, rng = shop.interactions, np.random.default_rng(0)
    ids = X.catalog.item_ids
    lengths = 1 + rng.poisson(arguments.length - 1, arguments.sessions)
    known = np.unique(X.items)
    histories = [rng.choice(known, length).tolist() for length in lengths]
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    found = {}
    for name in arguments.models:
        model = MODELS[name]().fit(X)
        with tempfile.TemporaryDirectory() as folder:
            for form, answer in forms(model, Path(folder), arguments.k).items():
                spent = milliseconds(answer, histories, clock)
                p50, p99 = np.percentile(spent, [50, 99])
                found[name, form] = p50, p99
                print(f"{name}, {ids.size} items, {form}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    return found


if __name__ == "__main__":
    run()
