"""What the local solution of EASE loses in accuracy, and what it costs as catalogs grow.

With --data: accuracy, seconds and memory of the exact solution, of its strongest entries, and of
the local solution. Without: seconds and memory on made-up shops of growing size. Every fit runs in
a process of its own. See ``python benchmarks/scale/local_ridge.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))

from compare import read_log
from measuring import describe_machine, in_own_process, peak_memory

from skace.datasets import make_shop
from skace.metrics import ndcg_at_k, recall_at_k
from skace.model_selection import leave_last_out
from skace.recommenders import EASEEstimator

SETTINGS = [
    {},
    *({"n_neighbors": n} for n in (50, 200, 800)),
    *({"solver": "local", "n_neighbors": n} for n in (50, 200)),
]


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder; see benchmarks/README.rst")
    parser.add_argument("--items", default="1000,10000,30000,100000", help="of the shops")
    parser.add_argument("--regularization", type=float, default=200.0)
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def rows_of(source):
    """Training and test rows of a folder, or of a shop of so many items."""
    if isinstance(source, Path):
        return leave_last_out(read_log(source))
    n_events = 10 * source
    shop = make_shop(source, source, n_events, n_features=16, random_state=0)
    return leave_last_out(shop.interactions)


def measure(source, parameters):
    """Fit and rank; runs in a process of its own."""
    train, test = rows_of(source)
    before = peak_memory()
    model = EASEEstimator(history_decay=1.0, max_memory=100, **parameters)
    begin = time.perf_counter()
    model.fit(train)
    record = {"fit seconds": time.perf_counter() - begin, "GiB of the fit": peak_memory() - before}
    if isinstance(source, Path):
        ranks = model.target_ranks(test)
        record |= {"R@20": float(recall_at_k(ranks, 20)), "N@10": float(ndcg_at_k(ranks, 10))}
    return record


def main(words=None):
    """Measure every setting; print and store."""
    arguments = read_arguments(words)
    base = {"regularization": arguments.regularization}
    if arguments.data:
        jobs = [(arguments.data, base | setting) for setting in SETTINGS]
    else:
        jobs = [
            (n_items, base | {"solver": "local", "n_neighbors": 100})
            for n_items in map(int, arguments.items.split(","))
        ]
    records = []
    for source, parameters in jobs:
        record = {
            "source": str(source),
            **parameters,
            **in_own_process(measure, source, parameters),
        }
        print(record, flush=True)
        records.append(record)
    arguments.output.mkdir(parents=True, exist_ok=True)
    name = arguments.data.name if arguments.data else "shops"
    path = arguments.output / f"local_ridge_{name}.json"
    path.write_text(json.dumps({**describe_machine(), "fits": records}, indent=1))


if __name__ == "__main__":
    main()
