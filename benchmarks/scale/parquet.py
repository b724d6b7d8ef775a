"""Memory and time of a log that is sorted out of core, by the number of events.

Writes made-up events into parquet files, in no order, ten events a user, and reads them with
``Interactions.from_parquet`` in a process of its own; then appends a hundredth of them, and sorts
the same events in memory where they fit. Memory is anonymous: pages of files can be dropped.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))
from measuring import describe_machine, in_own_process

from skace import Interactions

_CHUNK = 1_000_000  # events of a file
IN_MEMORY_UP_TO = 10_000_000


def write_events(folder, n_events, n_items, *, first=0, seed=0):
    """Files of events of users in no order, whose items follow a power law."""
    rng = np.random.default_rng(seed)
    for number, begin in enumerate(range(0, n_events, _CHUNK)):
        n = min(_CHUNK, n_events - begin)
        columns = {
            "user_id": rng.integers(n_events // 10 + 1, size=n) * 7,
            "item_id": (n_items * rng.random(n) ** 3).astype(np.int64),
            "timestamp": first + rng.integers(10**9, size=n),
        }
        pq.write_table(pa.table(columns), folder / f"part.{number}.parquet")


class AnonymousPeak:
    """Most anonymous memory of this process within the block, in GiB, looked at every 5 ms."""

    def __enter__(self):
        self.before = self.peak = self.now()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._is_over.set()
        self._thread.join()

    def _watch(self):
        while not self._is_over.wait(0.005):
            self.peak = max(self.peak, self.now())

    @staticmethod
    def now():
        """Anonymous memory at this moment, in GiB."""
        lines = Path("/proc/self/status").read_text().splitlines()
        found = dict(line.split(":", 1) for line in lines)
        return int(found["RssAnon"].split()[0]) / 2**20


def measure(folder, more, n_events):
    """Seconds and anonymous memory of reading, of appending, and of the same in memory."""
    warnings.simplefilter("ignore")
    record = {"events": n_events}
    X = _timed(record, "read", lambda: Interactions.from_parquet(folder))
    new_events = Interactions.from_parquet(more)
    Y = _timed(record, "append", lambda: X.append(new_events))
    record["bytes of a row at rest"] = 0 if isinstance(Y._numbers, range) else 8
    del Y
    if n_events <= IN_MEMORY_UP_TO:
        frame = pq.read_table(folder)
        other = _timed(record, "in memory", lambda: Interactions.from_frame(frame))
        record["same"] = all(
            np.array_equal(getattr(X._log, name), getattr(other._log, name))
            for name in ("items", "offsets", "user_ids", "timestamps", "source")
        )
        _timed(record, "concat", lambda: Interactions.concat([other, new_events]))
        _timed(record, "append in memory", lambda: other.append(new_events))
    return record


def _timed(record, step, function):
    """Result of a step, whose seconds and memory are noted."""
    begin = time.perf_counter()
    with AnonymousPeak() as memory:
        found = function()
    record[step] = {
        "seconds": time.perf_counter() - begin,
        "GiB": memory.peak,
        "GiB before": memory.before,
    }
    return found


def print_table(records):
    steps = ("read", "append", "in memory", "concat", "append in memory")
    print(f"{'events':>11}" + "".join(f"{step:>22}" for step in steps) + "   (seconds, GiB)")
    for record in records:
        cells = [record.get(step) for step in steps]
        shown = (f"{c['seconds']:.1f} s, {c['GiB']:.2f}" if c else "" for c in cells)
        print(f"{record['events']:>11}" + "".join(f"{text:>22}" for text in shown))


def main(words=None):
    """Write, read, print and store, size by size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", default="1000000,3000000,10000000")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--folder", help="where there is room; default: the temporary folder")
    parser.add_argument("--output", type=Path, default=Path("results"))
    arguments = parser.parse_args(words)
    records = []
    for n_events in map(int, arguments.events.split(",")):
        room = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            folders = room / "log", room / "more"
            for folder in folders:
                folder.mkdir()
            write_events(folders[0], n_events, arguments.items)
            write_events(folders[1], n_events // 100, arguments.items, first=10**9, seed=1)
            records.append(in_own_process(measure, *folders, n_events))
        finally:
            shutil.rmtree(room)
        print(records[-1], flush=True)
    print_table(records)
    arguments.output.mkdir(parents=True, exist_ok=True)
    run = {**describe_machine(), "sizes": records}
    (arguments.output / "parquet.json").write_text(json.dumps(run, indent=1))


if __name__ == "__main__":
    main()
