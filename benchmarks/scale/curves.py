"""Cost of an event and memory as logs grow: shops of 10^5 to 10^7 events and 10^4 to 10^6 items.

Each size in a process of its own: preparing the log, an epoch of SASRec with drawn
negatives, with a table whose updates are dense and one whose are sparse, and ranks of some
users among all items. ``--plot`` draws what was measured.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))
from measuring import describe_machine, forget_peak, in_own_process, peak_memory

from skace import Interactions, SASRecEstimator
from skace.datasets import make_shop
from skace.item_tables import TrainableTable
from skace.losses import SampledSoftmax

WIDTH, N_RANKED = 64, 1000
# events, items
SIZES = [
    *((n_events, 10_000) for n_events in (100_000, 1_000_000, 10_000_000)),
    *((n_events, 100_000) for n_events in (1_000_000, 10_000_000)),
    (1_000_000, 1_000_000),
    (10_000_000, 1_000_000),
]
DENSE_UP_TO = 10**12  # events times items, which is what dense updates of a table take
STEPS = {
    "prepare": "microseconds an event",
    "epoch": "microseconds an event",
    "sparse": "microseconds an event",
    "rank": "nanoseconds a user and item",
}


def measure(n_events, n_items):
    """Seconds and memory of each step."""
    shop = make_shop(n_users=n_events // 10, n_items=n_items, n_events=n_events, random_state=0)
    log = shop.interactions
    columns = log.users.copy(), log.items.copy(), log.timestamps.copy()
    del shop, log
    forget_peak()  # what made the log does not count
    before, seconds = peak_memory(), {}
    begin = time.perf_counter()
    X = Interactions(*columns)
    seconds["prepare"] = time.perf_counter() - begin
    if n_events * n_items <= DENSE_UP_TO:
        _, seconds["epoch"] = epoch(X, is_sparse=False)
    model, seconds["sparse"] = epoch(X, is_sparse=True)
    rows = X[np.random.default_rng(0).integers(len(X), size=N_RANKED)]
    begin = time.perf_counter()
    model.target_ranks(rows)
    seconds["rank"] = time.perf_counter() - begin
    return {
        "wanted items": n_items,
        "events": len(X),
        "items": int(model.item_ids_.size),
        "seconds": seconds,
        "GiB": peak_memory(),
        "GiB before": before,
        "GiB of the table": model.item_vectors_.nbytes / 2**30,
    }


def epoch(X, *, is_sparse):
    """A model after one pass over the rows, and the seconds that it took."""
    model = SASRecEstimator(
        embedding_dim=WIDTH,
        loss=SampledSoftmax(),
        item_table=TrainableTable(sparse=is_sparse),
        device="cpu",
        random_state=0,
    )
    model.partial_fit(X[:1000])  # torch's first calls take longer
    begin = time.perf_counter()
    model.partial_fit(X)
    return model, time.perf_counter() - begin


def costs(record):
    """Cost of each step in its unit, NaN for one that was left out."""
    units = dict.fromkeys(STEPS, record["events"] / 1e6)
    units["rank"] = N_RANKED * record["items"] / 1e9
    return {step: record["seconds"].get(step, np.nan) / unit for step, unit in units.items()}


def print_table(records):
    print(f"{'events':>10}{'items':>10}" + "".join(f"{step:>10}" for step in STEPS) + "       GiB")
    for record in records:
        row = "".join(f"{cost:>10.2f}" for cost in costs(record).values())
        print(f"{record['events']:>10}{record['items']:>10}{row}{record['GiB']:>10.2f}")


def plot(records):
    """Figure of the cost of training, and of memory, against the number of events."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for wanted in sorted({record["wanted items"] for record in records}):
        own = [record for record in records if record["wanted items"] == wanted]
        n_events = [record["events"] for record in own]
        style = {"marker": "o", "label": f"{wanted:,} items"}
        (line,) = left.plot(n_events, [costs(record)["sparse"] for record in own], **style)
        dense = [costs(record)["epoch"] for record in own]
        left.plot(n_events, dense, marker="x", linestyle="--", color=line.get_color())
        right.plot(n_events, [record["GiB"] for record in own], **style)
    left.set(xscale="log", ylim=(0, None), xlabel="events", title="Epoch, microseconds an event")
    left.plot([], [], marker="x", linestyle="--", color="grey", label="dense updates")
    right.set(xscale="log", yscale="log", xlabel="events", title="Memory of the process, GiB")
    left.legend(fontsize="small")
    return figure


def main(words=None):
    """Measure each size; print, store and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", help="events:items, separated by commas")
    parser.add_argument("--plot", type=Path, help="PNG to write")
    parser.add_argument("--output", type=Path, default=Path("results"))
    arguments = parser.parse_args(words)
    sizes = SIZES
    if arguments.sizes:
        sizes = [tuple(map(int, size.split(":"))) for size in arguments.sizes.split(",")]
    records = []
    for n_events, n_items in sizes:
        records.append(in_own_process(measure, n_events, n_items))
        print(records[-1], flush=True)
    print_table(records)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "curves.json").write_text(
        json.dumps({**describe_machine(), "sizes": records}, indent=1)
    )
    if arguments.plot:
        plot(records).savefig(arguments.plot, dpi=200)


if __name__ == "__main__":
    main()
