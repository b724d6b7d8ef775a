"""Batch scoring on a Ray cluster
==============================

What comes next for every user, by workers that keep the model in memory. Needs ``pip install ray
skops``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import tempfile
from pathlib import Path

import numpy as np
import ray
from ray.util import ActorPool

from skace import SASRecEstimator
from skace.datasets import make_shop
from skace.persistence import dump, load


@ray.remote(num_cpus=1)
class Scorer:
    """A worker that opens the model once."""

    def __init__(self, path):
        self.model = load(path)

    def best_items(self, queries):
        """Ids of the best items of some users."""
        return self.model.predict(queries)


def main():
    """Answer all users of a shop on two workers of this machine."""
    X = make_shop(n_users=300, n_items=60, n_events=3000, random_state=0).interactions
    queries = X.next_queries()
    parts = [queries[begin : begin + 50] for begin in range(0, len(queries), 50)]
    model = SASRecEstimator(max_epochs=2, early_stopping=False, random_state=0).fit(X)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.skops")
        dump(model, path)
        # On a cluster of several machines: ray.init(address="auto"), and a path that all see.
        ray.init(num_cpus=2, include_dashboard=False)
        pool = ActorPool([Scorer.remote(path) for _ in range(2)])
        answers = list(pool.map(lambda scorer, part: scorer.best_items.remote(part), parts))
        ray.shutdown()
    print(f"{len(queries)} users in {len(parts)} parts")
    expected = model.predict(queries)
    print("as one process answers:", bool((np.concatenate(answers) == expected).all()))


if __name__ == "__main__":
    main()
