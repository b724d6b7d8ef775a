"""Seconds of an epoch, rate of its products and peak memory on a GPU.

Two logs: one of Beauty's size with the softmax over all items, and one of a million items and ten
million events with sampled and with full softmax. The rate counts the products of the output
softmax alone, three per position and item, and is compared with that of one large product.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from skace import Catalog, Interactions, SASRecEstimator
from skace.losses import SampledSoftmax, Softmax

WIDTH = 128
# items, events, loss
LOGS = {
    "beauty": (12_101, 198_502, Softmax()),
    "million, sampled": (1_000_000, 10_000_000, SampledSoftmax()),
    "million, full": (1_000_000, 10_000_000, Softmax()),
}
TINY = {"tiny": (200, 2_000, Softmax()), "tiny, sampled": (200, 2_000, SampledSoftmax())}


def made_log(n_items, n_events):
    """Users of nine events on average, items by a power law."""
    rng = np.random.default_rng(0)
    shares = np.arange(1, n_items + 1) ** -0.8
    items = rng.choice(n_items, size=n_events, p=shares / shares.sum())
    users = np.sort(rng.integers(n_events // 9, size=n_events))
    return Interactions(users, items, catalog=Catalog(np.arange(n_items)))


def wait(device):
    """Until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_rate(device, dtype, size):
    """Floating-point operations a second of a large product."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    left @ right
    wait(device)
    begin, n_times = time.perf_counter(), 10
    for _ in range(n_times):
        left @ right
    wait(device)
    return n_times * 2 * size**3 / (time.perf_counter() - begin)


def measure(log, device, precision, epochs, rate):
    """Seconds of each epoch, share of the rate of products, peak memory."""
    n_items, n_events, loss = log
    X = made_log(n_items, n_events)
    model = SASRecEstimator(
        embedding_dim=WIDTH, loss=loss, device=str(device), precision=precision, random_state=0
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(epochs):
        begin = time.perf_counter()
        model.partial_fit(X)
        wait(device)
        seconds.append(time.perf_counter() - begin)
    n_positions = n_events - len(np.unique(X.users))
    record = {"seconds": seconds, "positions per second": n_positions / min(seconds)}
    if isinstance(loss, Softmax):
        flops = 6 * n_positions * n_items * WIDTH / min(seconds)
        record |= {"TFLOP/s of the softmax": flops / 1e12, "of a large product": flops / rate}
    if device.type == "cuda":
        record["peak GiB"] = torch.cuda.max_memory_allocated(device) / 2**30
    return record


def main(words=None):
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--logs", default=";".join(LOGS), help="separated by ;")
    parser.add_argument("--tiny", action="store_true", help="small logs, to try the script")
    parser.add_argument("--output", type=Path, default=Path("results"))
    arguments = parser.parse_args(words)
    device = torch.device(arguments.device)
    dtype = getattr(torch, arguments.precision)
    rate = product_rate(device, dtype, 256 if arguments.tiny else 8192)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, large products {rate / 1e12:.2f} TFLOP/s")
    known = TINY if arguments.tiny else LOGS
    records = {}
    for log in known if arguments.tiny else arguments.logs.split(";"):
        records[log] = measure(known[log], device, arguments.precision, arguments.epochs, rate)
        print(f"{log}: {records[log]}", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    run = {"device": name, "torch": torch.__version__, "product rate": rate, "logs": records}
    (arguments.output / "gpu.json").write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
