"""Peak memory of fits of the closed forms, in matrices of n_items x n_items.

Counts what numpy and scipy allocate while a fit runs (tracemalloc), each fit in a process of
its own, with stored counts and without. See ``benchmarks/README.rst`` for the data.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import multiprocessing
import tracemalloc
from pathlib import Path

from compare import read_data

from skace.model_selection import leave_last_out
from skace.recommenders import EASEEstimator, L3AEEstimator, RLAEEstimator, SLISTEstimator

MODELS = {
    "EASE": EASEEstimator(),
    "EDLAE": EASEEstimator(dropout=0.2),
    "RLAE": RLAEEstimator(),
    "SLIST": SLISTEstimator(),
    "L3AE": L3AEEstimator(),
}


def measure(folder, name, store_counts, output):
    """Number of items, and most matrices that a fit held."""
    train, _ = leave_last_out(read_data(folder, None))
    model = MODELS[name].set_params(store_counts=store_counts)
    tracemalloc.start()
    model.fit(train)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_items = model.item_ids_.size
    output.put((n_items, peak / (model.coef_.itemsize * n_items**2)))


def in_own_process(*arguments):
    """Result of `measure` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    output = context.Queue()
    process = context.Process(target=measure, args=(*arguments, output))
    process.start()
    found = output.get()
    process.join()
    return found


def main(words=None):
    """Fit every model on every folder, with stored counts and without."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args(words)
    print(f"{'data':<10} {'model':<8} {'items':>8} {'stored':>8} {'not stored':>11}")
    for folder in arguments.data:
        for name in arguments.models.split(","):
            (n_items, stored), (_, used_up) = (
                in_own_process(folder, name, store) for store in (True, False)
            )
            print(f"{folder.name:<10} {name:<8} {n_items:>8} {stored:>8.2f} {used_up:>11.2f}")


if __name__ == "__main__":
    main()
