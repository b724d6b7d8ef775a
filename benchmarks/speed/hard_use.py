"""What long users, long ids, long chains and long logs cost, beside an earlier checkout.

Every case runs in a process of its own, with the code of this checkout and, with ``--beside``, with
that of another one in turn; the table has CPU seconds, growth of memory and their ratios. See
``python benchmarks/speed/hard_use.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).parents[2]
SETUP = """
    import json, resource, sys, time, warnings
    import numpy as np
    from skace import EASEEstimator, Interactions, PopularityEstimator
    warnings.simplefilter("ignore")
    n = int(sys.argv[1])
    rng = np.random.default_rng(0)
    def memory():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    def told(task, repeats=1):
        before, best = memory(), np.inf
        for _ in range(repeats):
            begin = time.process_time()
            task()
            best = min(best, time.process_time() - begin)
        print(json.dumps({"seconds": best, "MiB": memory() - before}))
    def log(n, sort=True):
        users = np.sort(rng.integers(0, n // 20, n)) if sort else rng.integers(0, n // 20, n)
        return Interactions(users, rng.integers(0, 5000, n), np.arange(n))
"""
# Size by default, and what is measured. One idea each.
CASES = {
    "score a user of n events": (
        20_000,
        """
        X = Interactions.from_sequences(
            [rng.integers(0, 200, n).tolist(), [1, 2, 3], list(range(200))]
        )
        model = EASEEstimator(k=5).fit(X)
        told(lambda: model.score(X[X.users == 0]))
        """,
    ),
    "score it by popularity, without seen items": (
        20_000,
        """
        X = Interactions.from_sequences([rng.integers(0, 200, n).tolist(), list(range(200))])
        model = PopularityEstimator(k=5, exclude_seen=True).fit(X)
        told(lambda: model.score(X[X.users == 0]))
        """,
    ),
    "n events with short ids": (
        1_000_000,
        """
        items, users = [f"i{j % 1000}" for j in range(n)], [f"u{j // 20}" for j in range(n)]
        told(lambda: Interactions(users, items, range(n)))
        """,
    ),
    "n events, one id of 300 characters": (
        1_000_000,
        """
        items, users = [f"i{j % 1000}" for j in range(n)], [f"u{j // 20}" for j in range(n)]
        items[7] = "x" * 300
        told(lambda: Interactions(users, items, range(n)))
        """,
    ),
    "n events, one id of 2,000 characters": (
        1_000_000,
        """
        items, users = [f"i{j % 1000}" for j in range(n)], [f"u{j // 20}" for j in range(n)]
        items[7] = "x" * 2000
        told(lambda: Interactions(users, items, range(n)))
        """,
    ),
    "predict one row of a log of n events": (
        10_000_000,
        """
        X = log(n)
        model = EASEEstimator(k=5).fit(X[:100_000])
        model.handle_unknown = "ignore"
        row = X[n // 2]
        model.predict(row)
        told(lambda: model.predict(row), repeats=20)
        """,
    ),
    "predict the same as a list": (
        10_000_000,
        """
        X = log(n)
        model = EASEEstimator(k=5).fit(X[:100_000])
        model.handle_unknown = "ignore"
        row = X[n // 2]
        past = [X.catalog.item_ids[X._log.items[row._starts[0] : row._ends[0]]].tolist()]
        model.predict(past)
        told(lambda: model.predict(past), repeats=20)
        """,
    ),
    "HTML of n events, again": (
        10_000_000,
        """
        X = log(n)
        X._repr_html_(), repr(X)
        told(lambda: (X._repr_html_(), repr(X)), repeats=3)
        """,
    ),
    "k_core of a chain of n events": (
        100_000,
        """
        places = np.arange(n)
        chain = Interactions(
            np.append(places // 2, [n, n, n + 1, n + 1]),
            np.append((places + 1) // 2, [n, n + 1, n, n + 1]),
        )
        told(lambda: chain.k_core(2))
        """,
    ),
    "concat of n parts of 1,000 events": (
        200,
        """
        parts = [
            Interactions(
                rng.integers(0, 10**6, 1000), rng.integers(0, 10**6, 1000), np.arange(1000) + p
            )
            for p in range(n)
        ]
        told(lambda: Interactions.concat(parts))
        """,
    ),
    "add 1,000 events to n": (
        1_000_000,
        """
        X = log(n)
        news = Interactions(rng.integers(0, n // 20, 1000), rng.integers(0, 5000, 1000),
                            np.arange(1000) + n)
        Interactions.concat([X, news])
        told(lambda: Interactions.concat([X, news]), repeats=3)
        """,
    ),
}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, help="folder of another checkout")
    parser.add_argument("--cases", default="", help="part of the names; all by default")
    parser.add_argument("--share", type=float, default=1.0, help="of the sizes")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds of a case")
    return parser.parse_args(words)


def measure(folder, n, code, timeout):
    """Seconds and memory of a case with the code of a checkout; None where it failed."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    program = textwrap.dedent(SETUP) + textwrap.dedent(code)
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-c", program, str(n)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(run.stdout) if run.returncode == 0 else None


def shown(found):
    """Seconds and MiB as text."""
    return f"{found['seconds']:9.4f} s {found['MiB']:7.0f} MiB" if found else "no answer".rjust(23)


def main(words=None):
    arguments = read_arguments(words)
    for name, (size, code) in CASES.items():
        if arguments.cases not in name:
            continue
        n = max(1, int(size * arguments.share))
        line = f"{name:44} n={n:<9,} {shown(new := measure(HERE, n, code, arguments.timeout))}"
        if arguments.beside is not None:
            old = measure(arguments.beside.resolve(), n, code, arguments.timeout)
            line += f"   before {shown(old)}"
            if old and new:
                line += f"   {old['seconds'] / max(new['seconds'], 1e-9):8.1f} times"
        print(line, flush=True)


if __name__ == "__main__":
    main()
