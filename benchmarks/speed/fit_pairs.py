"""CPU seconds of imports and of short fits, in turns with another checkout on the same core.

Each checkout fits in a process of its own, which stays; both fit the same made-up log one after the
other, and whoever was first is second the next time. Imports are fresh interpreters::

    git worktree add ../before v0.1.0
    python benchmarks/speed/fit_pairs.py --beside ../before
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np

_HERE = Path(__file__).resolve().parents[2]
IMPORTS = (
    "import skace",
    "from skace import ACETransformer, Interactions, SASRecEstimator, leave_last_out",
)
NETWORKS = ("SASRec", "GRU4Rec", "BERT4Rec", "FMLP")
_WORKER = """
import sys, time, warnings
from skace import recommenders
from skace.datasets import make_shop

warnings.simplefilter("ignore")
X = make_shop(3000, 800, 30_000, n_features=32, random_state=0).interactions
print("ready", flush=True)
for line in sys.stdin:
    network = getattr(recommenders, f"{line.strip()}Estimator")
    model = network(k=2, max_length=20, max_epochs=2, random_state=0)
    begin = time.process_time()
    model.fit(X)
    print(time.process_time() - begin, flush=True)
"""


def run_python(checkout, code, **options):
    """A process that runs code with a checkout, on one thread."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", code]
    return subprocess.Popen(words, cwd=checkout, env=environment, text=True, **options)


def seconds_of_import(checkout, code):
    """CPU seconds of a fresh interpreter that runs one line."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run_python(checkout, code).wait() == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ask(worker, network):
    """CPU seconds of one fit."""
    worker.stdin.write(f"{network}\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def in_turns(functions, n_turns):
    """Seconds (n_turns, 2) of two functions; each is first every other time."""
    found = np.empty((n_turns, 2))
    for turn in range(n_turns):
        for place in ((0, 1), (1, 0))[turn % 2]:
            found[turn, place] = functions[place]()
    return found


def show(name, found):
    """One line: medians, and the median of the ratios."""
    this, beside = np.median(found, axis=0)
    ratio = np.median(found[:, 0] / found[:, 1])
    print(f"{name}: {this:.3f} s, beside {beside:.3f} s, median of ratios {ratio:.3f}", flush=True)


def main(words=None):
    """Print a line for each import and network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=Path, required=True, help="another checkout of skace")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    settings = parser.parse_args(words)
    checkouts = (_HERE, settings.beside.resolve())
    for code in IMPORTS:
        functions = [partial(seconds_of_import, checkout, code) for checkout in checkouts]
        show(code, in_turns(functions, settings.turns))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [run_python(checkout, _WORKER, **pipes) for checkout in checkouts]
    for worker in workers:
        worker.stdout.readline()
    for network in settings.networks:
        functions = [partial(ask, worker, network) for worker in workers]
        for function in functions:
            function()  # what is made once is made now
        show(network, in_turns(functions, settings.turns))
    for worker in workers:
        worker.communicate()


if __name__ == "__main__":
    main()
