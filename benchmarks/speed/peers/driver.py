"""Serve one library over stdin and stdout, a step at a time, so that libraries can take turns.

``python driver.py LIBRARY FOLDER`` runs in the environment of the library, which may be an old
one: it needs numpy besides. Every line read is a step, "prepare", "epoch" or
"evaluate"; the answer is a line of JSON with its seconds, the peak memory of the process so far,
and what the step returns.
"""
# SPDX-License-Identifier: BSD-3-Clause

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

# One model for all: SASRec, 128 wide, 2 layers, 2 heads, softmax over all items.
WIDTH, LAYERS, HEADS, LENGTH, DROPOUT, RATE, BATCH = 128, 2, 2, 50, 0.5, 1e-3, 256


def read_log(folder, part):
    """Users, items and times (a count) of "train" or "test", in order; three integer arrays."""
    return np.load(Path(folder) / f"{part}.npy")


def peak_gib():
    """Most memory that this process ever took."""
    status = Path("/proc/self/status")
    if status.exists():  # a child starts with its parent's ru_maxrss, but not with its VmHWM
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main():
    """Do what is asked until nobody asks."""
    library, folder = sys.argv[1:3]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print as they like
    peer = importlib.import_module(f"peer_{library}").Peer(folder)
    for line in sys.stdin:
        begin = time.perf_counter()
        found = getattr(peer, line.strip())() or {}
        seconds = time.perf_counter() - begin
        print(
            json.dumps({"seconds": seconds, "GiB": peak_gib(), **found}), file=answers, flush=True
        )


if __name__ == "__main__":
    main()
