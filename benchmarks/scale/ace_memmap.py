"""ACE on vectors that stay on disk: seconds and memory by the number of rows.

Writes made-up float32 vectors into a file, fits ``ACETransformer`` on its memmap, in a process of
its own, and transforms some rows. Memory is what the process adds, without pages of the file.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))
from measuring import describe_machine, in_own_process

from skace import ACETransformer

_CHUNK = 20_000  # rows that are made at once


def write_vectors(path, n_items, n_features):
    """Vectors in a cone with a falling spectrum."""
    rng = np.random.default_rng(0)
    strengths = np.arange(1, n_features + 1, dtype=np.float32) ** -0.5
    shape = (n_items, n_features)
    vectors = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for begin in range(0, n_items, _CHUNK):
        rows = vectors[begin : begin + _CHUNK]
        rows[:] = rng.standard_normal(rows.shape, dtype=np.float32) * strengths + 0.5
    vectors.flush()


def measure(path, n_components):
    """Seconds and peak of what numpy and scipy allocate in a fit."""
    vectors = np.load(path, mmap_mode="r")
    model = ACETransformer(n_components)
    begin = time.perf_counter()
    model.fit(vectors)
    seconds = time.perf_counter() - begin
    tracemalloc.start()
    ACETransformer(n_components).fit(vectors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    begin = time.perf_counter()
    model.transform(vectors[:_CHUNK])
    return {
        "rows": len(vectors),
        "features": vectors.shape[1],
        "fit seconds": seconds,
        "peak MiB": peak / 2**20,
        "transform microseconds a row": 1e6 * (time.perf_counter() - begin) / _CHUNK,
    }


def main(words=None):
    """Write, fit, print and store, size by size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--components", type=int, default=128)
    parser.add_argument("--output", type=Path, default=Path("results"))
    arguments = parser.parse_args(words)
    records = []
    for n_rows in map(int, arguments.rows.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vectors.npy"
            write_vectors(path, n_rows, arguments.features)
            records.append(in_own_process(measure, path, arguments.components))
        print(records[-1], flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    run = {**describe_machine(), "sizes": records}
    (arguments.output / "ace_memmap.json").write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
