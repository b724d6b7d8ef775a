"""ACE's decomposition against the published one, ``numpy.linalg.svd``, and PCA's solvers.

All take turns in one process, A B C, B C A, on vectors that are made up: what one frees and the
next one takes again is not the same for all. Errors are relative, of the 128 largest singular
values, against eigenvalues of the Gram matrix in float64.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import platform
import time
from functools import partial
from pathlib import Path

import numpy as np
from scipy import linalg
from sklearn.base import clone
from sklearn.decomposition import PCA

from skace import ACETransformer, Catalog, Interactions

ALPHAS = np.logspace(-2, 2, 10)


def made_vectors(n_items, n_features, decay):
    """Vectors in a cone, float32: a common direction, and strengths that fall like a power."""
    rng = np.random.default_rng(0)
    strengths = np.arange(1, n_features + 1) ** -decay
    turn = linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    vectors = rng.standard_normal((n_items, n_features)) * strengths @ turn + 3 * turn[0]
    return (vectors / linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def true_values(vectors, n_components, *, center):
    """Singular values in float64, shape (n_components,)."""
    vectors = vectors.astype(np.float64)
    if center:
        vectors -= vectors.mean(axis=0)
    squares = linalg.eigvalsh(vectors.T @ vectors)[::-1][:n_components]
    return np.sqrt(squares)


def published(vectors):
    """The decomposition of the published code."""
    return np.linalg.svd(vectors, full_matrices=False)[1]


def fitted(model, vectors):
    """Singular values of a fitted transformer."""
    return clone(model).fit(vectors).singular_values_


def searched(model, vectors):
    """A grid over alpha on the same catalog."""
    X = Interactions([0], [0], catalog=Catalog(np.arange(len(vectors)), vectors))
    for alpha in ALPHAS:
        values = clone(model).set_params(alpha=alpha).fit(X).singular_values_
    return values


def contestants(n_components):
    """Functions of vectors that return singular values, and whether they centre."""
    ace = ACETransformer(n_components, random_state=0)
    drawn = clone(ace).set_params(solver="randomized")
    solvers = ("covariance_eigh", "randomized", "arpack", "full")
    pca = {f"PCA {s}": PCA(n_components, svd_solver=s, random_state=0) for s in solvers}
    return {
        "numpy.linalg.svd": (published, False),
        "ACETransformer": (partial(fitted, ace), False),
        "ACETransformer, 10 alphas": (partial(searched, ace), False),
        "ACETransformer randomized": (partial(fitted, drawn), False),
        **{name: (partial(fitted, model), True) for name, model in pca.items()},
    }


def take_turns(vectors, n_components, rounds, names):
    """Seconds of each round and worst relative error, by name."""
    known = contestants(n_components)
    records = {name: {"seconds": [], "error": 0.0} for name in names}
    for turn in range(rounds):
        vectors[0, 0] += 1e-3 * turn  # other vectors each time: nothing is remembered
        truth = {c: true_values(vectors, n_components, center=c) for c in (False, True)}
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            compute, center = known[name]
            begin = time.perf_counter()
            values = compute(vectors)
            records[name]["seconds"].append(time.perf_counter() - begin)
            error = np.abs(values[:n_components] / truth[center] - 1).max()
            records[name]["error"] = max(records[name]["error"], float(error))
            vectors[1, 0] += 1e-6  # and for the next contestant
    return records


def print_table(records):
    """Median seconds, and how many times faster than the first row."""
    first = np.array(next(iter(records.values()))["seconds"])
    print(f"{'':<28}{'seconds':>9}{'faster':>9}{'error':>10}")
    for name, record in records.items():
        ratio = np.median(first / np.array(record["seconds"]))
        seconds = np.median(record["seconds"])
        print(f"{name:<28}{seconds:>9.2f}{ratio:>9.1f}{record['error']:>10.1e}")


def main(words=None):
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=12_101)
    parser.add_argument("--features", type=int, default=3072)
    parser.add_argument("--components", type=int, default=128)
    parser.add_argument("--decay", type=float, default=0.5, help="of the strengths")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="names of rows, separated by ;")
    parser.add_argument("--output", type=Path, default=Path("results"))
    arguments = parser.parse_args(words)
    vectors = made_vectors(arguments.items, arguments.features, arguments.decay)
    names = arguments.only.split(";") if arguments.only else contestants(arguments.components)
    records = take_turns(vectors, arguments.components, arguments.rounds, list(names))
    print_table(records)
    arguments.output.mkdir(parents=True, exist_ok=True)
    run = {
        "arguments": {name: str(value) for name, value in vars(arguments).items()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "numpy": np.__version__,
        "rows": records,
    }
    (arguments.output / "decompositions.json").write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
