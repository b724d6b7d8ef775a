"""Seconds of a core, and peak memory in bytes an event, of a loader on ratings that are made up.

Each turn is a fresh interpreter, which first loads a small file, so that modules do not count.
With ``--beside`` another checkout takes turns with this one::

    git worktree add /tmp/before v0.1.0
    python benchmarks/speed/loaders.py --beside /tmp/before
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_HERE = Path(__file__).parents[2]
_TURN = """
import json, resource, sys, time, warnings
from skace.datasets import load_amazon_reviews

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

warnings.simplefilter("ignore")
load_amazon_reviews(sys.argv[1], version="2023")
before, start = peak(), time.process_time()
X = load_amazon_reviews(sys.argv[2], version="2023").interactions
seconds = time.process_time() - start
print(json.dumps({"seconds": seconds, "bytes": (peak() - before) / len(X)}))
"""


def write_ratings(path, n_events, n_letters):
    """Ratings of the release of 2023: nine by each customer, sixteen of each product."""
    rng = np.random.default_rng(0)
    users = rng.integers(max(1, n_events // 9), size=n_events).tolist()
    items = rng.integers(max(1, n_events // 16), size=n_events).tolist()
    times = rng.integers(1_300_000_000_000, 1_600_000_000_000, size=n_events).tolist()
    with path.open("w", encoding="utf-8") as file:
        file.write("user_id,parent_asin,rating,timestamp\n")
        for user, item, time in zip(users, items, times, strict=True):
            user_id, item_id = f"A{user:0{n_letters - 1}d}", f"B{item:0{n_letters - 1}d}"
            file.write(f"{user_id},{item_id},5.0,{time}\n")


def measured(checkout, small, large):
    """Seconds, and bytes an event, of one turn with the code of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", _TURN, str(small), str(large)]
    done = subprocess.run(
        words, cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def main(words=None):
    """Print a line for each checkout."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--letters", type=int, default=28, help="characters of each id")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout of skace")
    settings = parser.parse_args(words)
    checkouts = {"this": _HERE} | ({"beside": settings.beside} if settings.beside else {})
    found = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.csv"), Path(folder, "large.csv")
        write_ratings(small, 100, settings.letters)
        write_ratings(large, settings.events, settings.letters)
        for _ in range(settings.turns):
            for name, checkout in checkouts.items():
                found[name].append(measured(checkout, small, large))
    for name, turns in found.items():
        seconds, n_bytes = (min(turn[key] for turn in turns) for key in ("seconds", "bytes"))
        print(f"{name:8} {seconds:7.2f} s {n_bytes:7.0f} bytes an event")


if __name__ == "__main__":
    main()
