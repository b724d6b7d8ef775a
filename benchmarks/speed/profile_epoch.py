"""Where an epoch of training goes, by torch's own profiler.

Operations are told apart by their names, and those of the output softmax by the number of items
among their shapes. What no operation accounts for is Python and torch's dispatch.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch.profiler import ProfilerActivity, profile

from skace import BERT4RecEstimator, GRU4RecEstimator, Interactions, SASRecEstimator
from skace.model_selection import leave_last_out

MODELS = {"sasrec": SASRecEstimator, "gru4rec": GRU4RecEstimator, "bert4rec": BERT4RecEstimator}
# Parts that an operation belongs to by a piece of its name; the first that fits.
NAMES = {
    "random numbers": ["uniform", "bernoulli", "random"],
    "optimiser": ["adam"],
    "attention": ["attention"],
    "recurrence": ["gru", "lstm", "rnn"],
    "lookups": ["embedding", "index", "gather", "scatter"],
    "encoder's products": ["mm", "linear", "matmul", "conv"],
    "layer norm": ["layer_norm"],
}
SOFTMAX, REST, DISPATCH = "output softmax", "other elementwise", "Python and dispatch"


def part_of(event, n_rivals):
    """Part that an operation belongs to; items without a training row are no rivals."""
    name = event.key.lower()
    is_wide = any(n_rivals in shape for shape in event.input_shapes if isinstance(shape, list))
    if is_wide and "embedding" not in name and "adam" not in name:
        return SOFTMAX
    for part, pieces in NAMES.items():
        if any(piece in name for piece in pieces):
            return part
    return REST


def parts_of_epoch(model, train):
    """Seconds of each part, and of the epoch with and without the profiler."""
    model.partial_fit(train)  # torch's first calls take longer
    begin = time.perf_counter()
    model.partial_fit(train)
    seconds = time.perf_counter() - begin
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        begin = time.perf_counter()
        model.partial_fit(train)
        watched = time.perf_counter() - begin
    parts, n_rivals = Counter(), np.unique(train.items).size
    for event in found.key_averages(group_by_input_shape=True):
        parts[part_of(event, n_rivals)] += event.self_cpu_time_total / 1e6
    parts[DISPATCH] = max(0.0, watched - parts.total())
    return parts, seconds, watched


def main(words=None):
    """Profile an epoch in both precisions, and print its parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder; see ../README.rst")
    parser.add_argument("--model", default="sasrec", choices=MODELS)
    parser.add_argument("--width", type=int, default=128)
    arguments = parser.parse_args(words)
    X = Interactions.from_frame(pq.read_table(arguments.data / "interactions.parquet"))
    train, _ = leave_last_out(X)
    columns = {}
    for precision in ("float32", "bfloat16"):
        model = MODELS[arguments.model](
            embedding_dim=arguments.width, device="cpu", precision=precision, random_state=0
        )
        columns[precision] = parts_of_epoch(model, train)
    threads = torch.get_num_threads()
    print(f"{arguments.model}, {arguments.data.name}, {threads} thread(s), seconds of an epoch")
    print(f"{'':<22}" + "".join(f"{precision:>10}" for precision in columns))
    names = {name for parts, *_ in columns.values() for name in parts}
    for name in sorted(names, key=lambda name: -columns["float32"][0][name]):
        row = "".join(f"{parts[name]:>10.2f}" for parts, *_ in columns.values())
        print(f"{name:<22}{row}")
    for name, place in (("epoch, profiled", 2), ("epoch", 1)):
        print(f"{name:<22}" + "".join(f"{found[place]:>10.2f}" for found in columns.values()))


if __name__ == "__main__":
    main()
