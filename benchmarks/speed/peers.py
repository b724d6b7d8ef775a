"""The same SASRec in skace and in other libraries, each in an environment of its own.

The processes stay alive and take turns, epoch by epoch, on the same cores: A B C, A B C. Only
one works at a time. See ``python benchmarks/speed/peers.py --help``.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from skace import Interactions
from skace.model_selection import leave_last_out

PROJECT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "peers"
# What each library needs, pinned to what was measured. RecBole was written for older packages.
REQUIREMENTS = {
    "skace": [str(PROJECT)],
    "rectools": ["RecTools[torch]==0.19.0"],
    "recbole": ["recbole==1.2.1", "numpy<2", "pandas<2", "scipy<1.13", "setuptools<81"],
    "skrecsys": ["skrecsys==0.9.0"],
}
PEERS = {
    "skace": ("skace", {"SKACE_PRECISION": "float32"}),
    "skace bfloat16": ("skace", {"SKACE_PRECISION": "bfloat16"}),
    "RecTools": ("rectools", {}),
    "RecBole": ("recbole", {}),
    "skrecsys HSTU": ("skrecsys", {}),
}


def read_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder; see ../README.rst")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--users", type=int, help="as many users only, drawn with seed 0")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--evaluations", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--environments", type=Path, default=Path("environments"))
    parser.add_argument("--output", type=Path, default=Path("results"))
    return parser.parse_args(words)


def write_logs(data, folder, n_users=None):
    """Training and test rows with numbers as ids and as times, which all libraries read alike."""
    X = Interactions.from_frame(pq.read_table(data / "interactions.parquet"))
    if n_users is not None:
        drawn = np.random.default_rng(0).permutation(np.unique(X.users))[:n_users]
        X = X[np.isin(X.users, drawn)]
    users, items = np.unique(X.users), np.unique(X.items)
    begin = 0
    for name, rows in zip(("train", "test"), leave_last_out(X), strict=True):
        times = begin + np.arange(len(rows))  # of a user in order, and no two alike
        numbers = np.searchsorted(users, rows.users), np.searchsorted(items, rows.items)
        np.save(folder / f"{name}.npy", np.stack([*numbers, times]))
        begin += len(rows)


def python_of(library, folder):
    """Interpreter of the environment of a library, which is made where there is none."""
    place = folder / library
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = place / "done"
    if not done.exists():
        venv.create(place, with_pip=True, clear=True)
        torch = f"torch=={version('torch').split('+')[0]}"
        for needs in ([torch], REQUIREMENTS[library]):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *needs], check=True)
        done.touch()
    return python


class Turn:
    """A process that does a step when it is told to."""

    def __init__(self, name, logs, arguments):
        library, extra = PEERS[name]
        python = python_of(library, arguments.environments)
        threads = {"OMP_NUM_THREADS": str(arguments.threads)}
        words = (python, DRIVERS / "driver.py", library, logs)
        self.process = subprocess.Popen(
            [str(word.absolute()) if isinstance(word, Path) else word for word in words],
            cwd=logs,  # libraries leave logs and checkpoints where they are started
            env=os.environ | threads | extra,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.name = name

    def do(self, step):
        """What the process answers to a step."""
        self.process.stdin.write(step + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()} in {step!r}.")
        print(f"{self.name}: {step}: {line.strip()}", flush=True)
        return json.loads(line)


def take_turns(names, logs, arguments):
    """Answers by library and step."""
    steps = ["prepare", *["epoch"] * arguments.epochs, *["evaluate"] * arguments.evaluations]
    answers = {name: {} for name in names}
    with ExitStack() as stack:  # which ends the processes
        turns = [Turn(name, logs, arguments) for name in names]
        for turn in turns:
            stack.enter_context(turn.process)
        for step in steps:
            for turn in turns:
                answers[turn.name].setdefault(step, []).append(turn.do(step))
    return answers


def seconds_of(answers, step):
    """Median seconds of a step, of one pass where it made several."""
    return float(np.median([a["seconds"] / a.get("passes", 1) for a in answers[step]]))


def print_table(answers):
    """Seconds, memory and quality; ratios to the first row."""
    first = next(iter(answers.values()))
    head = ["prepare", "epoch", "/first", "evaluate", "/first", "GiB", "/first", "R@20", "N@10"]
    print(f"\n{'library':<16}" + "".join(f"{word:>9}" for word in head))
    for name, found in answers.items():
        last, row = found["evaluate"][-1], [f"{seconds_of(found, 'prepare'):.1f}"]
        for step in ("epoch", "evaluate"):
            own = seconds_of(found, step)
            row += [f"{own:.2f}", f"{own / seconds_of(first, step):.2f}"]
        row += [f"{last['GiB']:.2f}", f"{last['GiB'] / first['evaluate'][-1]['GiB']:.2f}"]
        row += [f"{last['R@20']:.4f}", f"{last['N@10']:.4f}"]
        print(f"{name:<16}" + "".join(f"{word:>9}" for word in row))


def main(words=None):
    """Prepare, train and evaluate in turns; print and store the figures."""
    arguments = read_arguments(words)
    arguments.output.mkdir(parents=True, exist_ok=True)
    logs = arguments.output / f"peers_{arguments.data.name}_logs"
    logs.mkdir(exist_ok=True)
    write_logs(arguments.data, logs, arguments.users)
    answers = take_turns(arguments.peers.split(","), logs, arguments)
    print_table(answers)
    run = {
        "arguments": {name: str(value) for name, value in vars(arguments).items()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": version("torch"),
        "python": sys.version.split()[0],
        "answers": answers,
    }
    path = arguments.output / f"peers_{arguments.data.name}.json"
    path.write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
