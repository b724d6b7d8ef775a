"""Memory and machine of a benchmark, and processes of their own for its parts."""
# SPDX-License-Identifier: BSD-3-Clause

import multiprocessing
import os
import platform
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import sklearn
import torch

import skace


def in_own_process(function, *arguments):
    """Result of a function in a fresh process, whose peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory():
    """Most memory that this process ever took, in GiB."""
    status = Path("/proc/self/status")
    if status.exists():  # a child starts with its parent's ru_maxrss, but not with its VmHWM
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    # macOS counts in bytes, others in KiB.
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak():
    """Let `peak_memory` count from here, where the system can (Linux)."""
    marks = Path("/proc/self/clear_refs")
    if marks.exists():
        marks.write_text("5")


def describe_machine():
    """What the figures depend on besides data and code."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.is_available(),
        "versions": {
            "skace": skace.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
    }
