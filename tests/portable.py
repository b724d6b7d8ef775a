"""Run every test of what is learned with several seeds, thread counts and kernels.

A pairwise covering in ten runs: every kernel meets both numbers of threads and all seeds, and so
does every seed. Prints how each run ended, and by how much each test passed at the least.
"""
# SPDX-License-Identifier: BSD-3-Clause

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

KERNELS = {
    "as it is": {},
    "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
    "ATen AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "oneDNN AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "MKL AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
# With one thread and with two; kernels take turns.
SEEDS = [("0,1,2", "3,4"), ("3,4", "0,1,2")]
# What trains with seeds of its own: examples of the reference, and (with one thread, because they
# take minutes) the pages of the gallery.
DOCTESTS = ["skace/recommenders", "skace/item_tables"]
GALLERY = "tests/test_examples.py"


def runs():
    """Name, kernel's variables, threads and seeds of each run."""
    for number, (name, variables) in enumerate(KERNELS.items()):
        for threads, seeds in zip((1, 2), SEEDS[number % 2], strict=True):
            yield name, variables, threads, seeds


def run(words, variables, threads):
    """Run tests; return whether they passed, the last line, and what failed."""
    processes = max(1, (os.cpu_count() or 1) // threads)
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        [*command, "--numprocesses", str(processes), "--dist", "worksteal"],
        env=os.environ | variables | {"OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = (done.stdout + done.stderr).strip()
    faults = re.findall(r"^(?:FAILED|ERROR) .*$", printed, re.M)
    return done.returncode == 0, printed.splitlines()[-1], faults


def least_margins(path):
    """Least margin of each test, over parameters, seeds and runs, and where it was."""
    least = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        function, _, where = noted["test"].partition("[")
        name = f"{noted['file']}::{function}"
        found = (noted["margin"], where.rstrip("]"))
        least[name] = min(least.get(name, found), found)
    return least


def main():
    """Run everything, print as it goes, and end with the table."""
    is_good = True
    with TemporaryDirectory() as folder:
        path = Path(folder) / "margins.jsonl"
        path.touch()
        for name, variables, threads, seeds in runs():
            begin = time.perf_counter()
            noted = {"SKACE_TEST_SEEDS": seeds, "SKACE_TEST_MARGINS": str(path)} | variables
            without = [] if threads == 1 else ["--ignore", GALLERY]
            for words in (["tests", "-m", "learns", *without], DOCTESTS):
                passed, last, faults = run(words, noted, threads)
                is_good &= passed
                print(f"{name}, {threads} thread(s), seeds {seeds}: {last}", *faults, sep="\n  ")
            print(f"  {time.perf_counter() - begin:.0f} s", flush=True)
        print("\nleast margin  test (parameters)")
        for test, (margin, where) in sorted(least_margins(path).items(), key=lambda item: item[1]):
            print(f"{margin:12.3f}  {test} ({where})")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
