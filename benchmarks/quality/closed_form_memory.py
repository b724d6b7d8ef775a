"""Peak memory of fits of the closed forms, in matrices of n_items x n_items.

Counts what numpy and scipy allocate while a fit runs (tracemalloc), each fit in a process of
its own, with ``store_counts="auto"``, the default, and with stored counts. See
``benchmarks/README.rst`` for the data.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import tracemalloc
from pathlib import Path

from compare import read_data
from measuring import in_own_process

from skace.model_selection import leave_last_out
from skace.recommenders import EASEEstimator, L3AEEstimator, RLAEEstimator, SLISTEstimator

MODELS = {
    "EASE": EASEEstimator(),
    "EDLAE": EASEEstimator(dropout=0.2),
    "RLAE": RLAEEstimator(),
    "SLIST": SLISTEstimator(),
    "L3AE": L3AEEstimator(),
}


def measure(folder, embeddings, name, store_counts):
    """Number of items, and most matrices that a fit held."""
    train, _ = leave_last_out(read_data(folder, embeddings))
    model = MODELS[name].set_params(store_counts=store_counts)
    tracemalloc.start()
    model.fit(train)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_items = model.item_ids_.size
    return n_items, peak / (model.coef_.itemsize * n_items**2)


def main(words=None):
    """Fit every model on every folder, with both ways of storing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--embeddings", help="file in the folders, if they have several embeddings_*"
    )
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args(words)
    print(f"{'data':<10} {'model':<8} {'items':>8} {'auto':>8} {'stored':>8}")
    for folder in arguments.data:
        for name in arguments.models.split(","):
            (n_items, auto), (_, stored) = (
                in_own_process(measure, folder, arguments.embeddings, name, store)
                for store in ("auto", True)
            )
            print(f"{folder.name:<10} {name:<8} {n_items:>8} {auto:>8.2f} {stored:>8.2f}")


if __name__ == "__main__":
    main()
