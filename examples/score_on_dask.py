"""Batch scoring on a Dask cluster
===============================

What comes next for every user, in parts that know nothing of each other. Needs ``pip install
distributed skops``.

The model travels as a file, which each worker opens once, and the log as a path: give
``from_parquet`` a folder that all machines see.
"""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster

from skace import ACETransformer, Interactions, SASRecEstimator
from skace.datasets import make_shop
from skace.persistence import dump, load


@lru_cache(maxsize=1)
def opened(path, _changed_at):
    """The model, read once by each worker, and again where the file is a newer one."""
    return load(path)


def best_items(path, queries):
    """Ids of the best items of some users."""
    return opened(path, Path(path).stat().st_mtime_ns).predict(queries)


def main():
    """Answer all users of a shop on two workers of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        model_path, queries = prepare(Path(folder))
        parts = [queries[begin : begin + 50] for begin in range(0, len(queries), 50)]
        # On a cluster of several machines: Client("tcp://scheduler:8786").
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            tasks = client.map(best_items, [model_path] * len(parts), parts)
            answers = np.concatenate(client.gather(tasks))
        expected = load(model_path).predict(queries)
    print(f"{len(answers)} users in {len(parts)} parts")
    print("as one process answers:", bool((answers == expected).all()))


def prepare(folder):
    """A model file, and the questions of a log that stays on disk."""
    shop = make_shop(n_users=300, n_items=60, n_events=3000, random_state=0)
    shop.interactions.to_frame("polars").write_parquet(folder / "log.parquet")
    X = Interactions.from_parquet(
        folder / "log.parquet", catalog=shop.catalog, folder=folder / "log"
    )
    X = ACETransformer(n_components=16).fit_transform(X)
    model = SASRecEstimator(max_epochs=2, early_stopping=False, random_state=0).fit(X)
    dump(model, folder / "model.skops")
    return str(folder / "model.skops"), X.next_queries()


if __name__ == "__main__":
    main()
