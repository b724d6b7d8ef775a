"""Recall and milliseconds of indexes over many item vectors, asked by a trained encoder.

Reads a folder as `quality/compare.py` does. ACE makes vectors of its items, and SASRec learns on
them as they are (`FrozenTable`): its states after the users' histories are the queries. The vectors
that are searched are drawn around the real ones: a real item is drawn at random, and its vector is
moved into a random direction by ``--spread`` times the distance to its nearest other item (at
least a tenth of the median of these, for items that have twins); the real ones come first, as they
are. One query at a time, one thread. Some of the queries set the effort, others are measured;
usearch links the vectors by further ones. See ``python benchmarks/speed/index.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from skace import ACETransformer, SASRecEstimator
from skace.export import ItemIndex
from skace.item_tables import FrozenTable
from skace.losses import SampledSoftmax
from skace.model_selection import leave_last_out

BLOCK = 256
sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder")
    parser.add_argument("--embeddings", help="file in the folder, if it has several")
    parser.add_argument("--n", type=int, default=1_000_000, help="vectors")
    parser.add_argument(
        "--spread", type=float, default=1.0, help="in distances to the nearest item"
    )
    meaning = "states, of 4,000, that set the effort or are measured"
    parser.add_argument("--queries", type=int, default=1000, help=meaning)
    parser.add_argument("--libraries", nargs="+", default=["faiss", "usearch"])
    parser.add_argument("--recall", type=float, default=0.99, help="of the 20 best items")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--build-threads", type=int, default=1, help="of usearch")
    parser.add_argument(
        "--cpu-time", action="store_true", help="of this process; for busy machines"
    )
    parser.add_argument("--keep", type=Path, help="file of vectors and states, read if it is there")
    return parser.parse_args(words)


def learn(arguments):
    """Vectors of the real items, and states of users."""
    if arguments.keep and arguments.keep.exists():
        with np.load(arguments.keep) as kept:
            return kept["vectors"], kept["states"]
    from compare import read_data  # of the folder beside

    train, rows = leave_last_out(read_data(arguments.data, arguments.embeddings))
    train = ACETransformer(n_components=arguments.width).fit_transform(train)
    model = SASRecEstimator(
        item_table=FrozenTable(),
        loss=SampledSoftmax(),
        max_epochs=arguments.epochs,
        early_stopping=False,
        random_state=0,
    ).fit(train)
    chosen = np.random.default_rng(0).choice(len(rows), min(len(rows), 4000), replace=False)
    states = model.encode(rows[np.sort(chosen)].with_features(None))
    if arguments.keep:
        np.savez(arguments.keep, vectors=model.item_vectors_, states=states)
    return model.item_vectors_, states


def nearest_distances(vectors):
    """Distance of each vector to the nearest other one."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    nearest = np.empty(len(vectors), dtype=np.float32)
    for first in range(0, len(vectors), BLOCK):
        rows = slice(first, first + BLOCK)
        apart = squares[rows, None] - 2 * vectors[rows] @ vectors.T + squares
        own = np.arange(first, min(first + BLOCK, len(vectors)))
        apart[own - first, own] = np.inf
        nearest[rows] = np.sqrt(np.maximum(apart.min(axis=1), 0))
    return nearest


def drawn_around(vectors, n, spread, rng):
    """So many vectors, the given ones first."""
    near = nearest_distances(vectors)
    near = np.maximum(near, 0.1 * np.median(near))  # items with twins
    made = np.empty((n, vectors.shape[1]), dtype=np.float32)
    made[: len(vectors)] = vectors[:n]
    for first in range(min(n, len(vectors)), n, 10_000):
        rows = slice(first, min(first + 10_000, n))
        around = rng.integers(0, len(vectors), rows.stop - rows.start)
        directions = rng.normal(size=(around.size, vectors.shape[1])).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        made[rows] = vectors[around] + spread * near[around, None] * directions
    return made


def kth_best(vectors, states, k):
    """The k-th largest inner product of each state."""
    return np.array([np.partition(vectors @ state, -k)[-k] for state in states])


def ask(index, states, clock):
    """Scores that are found for each state, and milliseconds of each answer."""
    scores, spent = [], []
    for state in states:
        begin = clock()
        _, found = index.search(state[None], 20)
        spent.append(1e3 * (clock() - begin))
        scores.append(found[0])
    return np.stack(scores), np.array(spent)


def run(words=None):
    """Print a line for each library."""
    arguments = read_arguments(words)
    torch.set_num_threads(1)
    vectors, states = learn(arguments)
    states, typical = np.split(states, [arguments.queries])
    made = drawn_around(vectors, arguments.n, arguments.spread, np.random.default_rng(0))
    setting, asked = states[::2][:200], states[1::2]
    least = kth_best(made, asked, 20)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    found = {}
    for library in arguments.libraries:
        begin = time.process_time()
        of_graph = {
            "n_threads": arguments.build_threads,
            "queries": typical if len(typical) else None,
        }
        index = ItemIndex(made, library=library, **(of_graph if library == "usearch" else {}))
        built = time.process_time() - begin
        threadpool_limits(1)  # also of the library, which has been imported by now
        index.calibrate(setting, k=20, recall=arguments.recall + 0.002)
        scores, spent = ask(index, asked, clock)
        share = (scores >= (least - 1e-5 * np.abs(least))[:, None]).mean()
        p50, p99 = np.percentile(spent, [50, 99])
        found[library] = share, p50, p99
        print(
            f"{library}: {arguments.n} vectors of {made.shape[1]}, built in {built:.0f} CPU s, "
            f"recall@20 {share:.4f}, p50 {p50:.2f} ms, p99 {p99:.2f} ms",
            flush=True,
        )
    return found


if __name__ == "__main__":
    run()
